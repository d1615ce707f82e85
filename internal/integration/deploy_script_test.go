package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"resnet-autoscaling/internal/testkit"
)

// standIns are programs of these names that only note how they are called. The manifests, and what a real cluster makes of them, are the
// end-to-end test's part.
func standIns(t *testing.T, names ...string) (path, calls string) {
	t.Helper()
	path = t.TempDir()
	calls = filepath.Join(path, "calls")
	for _, name := range names {
		// Of minikube, `status` fails: it is stopped, as after a reboot. A namespace of another name than default is not there.
		script := fmt.Sprintf("#!/bin/sh\necho \"%s $*\" >> %s\ncase \"$*\" in *status) test %s != minikube;; *\"get namespace new\") false;; *\"get --ignore-not-found\"*) echo deployment/dispatcher;; esac\n", name, calls, name)
		if err := os.WriteFile(filepath.Join(path, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bash", "env", "realpath", "dirname", "basename", "mkdir", "make", "sh", "git"} { // what the scripts themselves use
		found, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(found, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	return path, calls
}

func runDeploy(t *testing.T, path string, verb string, settings ...string) (string, error) {
	t.Helper()
	c := exec.Command(filepath.Join(testkit.Root(t), "internal", "tools", "deploy.sh"), verb)
	c.Env = append(settings, "PATH="+path, "HOME="+t.TempDir())
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestDeployNamesAllThatIsMissing(t *testing.T) {
	path, _ := standIns(t, "kubectl")
	out, err := runDeploy(t, path, "up")
	if err == nil {
		t.Error("it went on without minikube")
	}
	for _, want := range []string{"minikube (", "docker (", "make demo"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "kubectl (") {
		t.Errorf("it misses a kubectl that is there:\n%s", out)
	}
}

func TestDeployScript(t *testing.T) {
	for name, c := range map[string]struct {
		verb     string
		settings []string
		calls    []string // in this order
		never    string
		says     []string
	}{
		"to minikube after a reboot": {
			verb: "up",
			calls: []string{
				"minikube --profile minikube start --cpus 4", "minikube --profile minikube image build -t resnet-inference:latest -f Dockerfile.model .",
				"minikube --profile minikube image build -t dispatcher:latest", "kubectl --context minikube --namespace default apply -k .cache/deploy", "rollout restart deployment/dispatcher",
				"rollout status deployment/resnet-inference", "rollout status deployment/prometheus",
			},
			never: "status deployment/autoscaler", says: []string{"go run ./cmd/autoscaler --context minikube", "go run ./cmd/loadtest --context minikube"},
		},
		"to another cluster": {
			verb: "up", settings: []string{"TAG=v7", "REGISTRY=r.example/team", "NAMESPACE=new", "KUBECTL_CONTEXT=prod", "AUTOSCALER=1"},
			calls: []string{
				"docker push r.example/team/resnet-inference:v7", "docker push r.example/team/dispatcher:v7",
				"kubectl --context prod --namespace new create namespace new", "pod-security.kubernetes.io/enforce=restricted", "apply -k", "rollout status deployment/autoscaler",
			},
			never: "minikube", says: []string{"go run ./cmd/loadtest --context prod -n new"},
		},
		"Grafana beside it": {
			verb: "dashboard", calls: []string{"apply -k .cache/dashboard", "rollout status deployment/grafana", "port-forward service/grafana 3000:3000"},
			never: "deployment/resnet-inference", says: []string{"http://localhost:3000"},
		},
		"and away": {verb: "down", calls: []string{"delete --ignore-not-found -k .cache/deploy"}, never: "apply"},
	} {
		t.Run(name, func(t *testing.T) {
			path, calls := standIns(t, "kubectl", "minikube", "docker")
			out, err := runDeploy(t, path, c.verb, c.settings...)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			text, err := os.ReadFile(calls)
			if err != nil {
				t.Fatal(err)
			}
			rest := string(text)
			for _, call := range c.calls {
				_, after, found := strings.Cut(rest, call)
				if !found {
					t.Fatalf("%q was not called, or not in this order:\n%s", call, text)
				}
				rest = after
			}
			if strings.Contains(string(text), c.never) {
				t.Errorf("%q was called:\n%s", c.never, text)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}

// minikube is one machine: model servers get a quarter of a core there, and a core on other clusters.
func TestWhatIsAppliedFitsTheCluster(t *testing.T) {
	for name, c := range map[string]struct {
		settings []string
		want     string
	}{
		"minikube":        {nil, "deploy/overlays/minikube"},
		"another cluster": {[]string{"REGISTRY=r.example/team"}, "deploy/base"},
		"one's own":       {[]string{"REGISTRY=r.example/team", "OVERLAY=mine"}, "deploy/overlays/mine"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := exec.Command(filepath.Join(testkit.Root(t), "internal", "tools", "overlay.sh"), dir)
			write.Env = append(c.settings, "PATH="+os.Getenv("PATH"))
			if out, err := write.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			text, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), c.want+"\n") {
				t.Errorf("no %s in\n%s", c.want, text)
			}
		})
	}
}
