package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"resnet-autoscaling/internal/testkit"
)

// autoscalerEnv makes minutes of what takes ten with the defaults.
var autoscalerEnv = []string{"RESNET_RATE_WINDOW=15s", "RESNET_CPU_WINDOW=30s", "RESNET_DOWN_WINDOW=20s", "RESNET_MAX_REPLICAS=6"}

// overlay is what `make deploy NAMESPACE=resnet` applies, with further settings.
func overlay(t *testing.T, settings ...string) string {
	t.Helper()
	dir := folder(t, "overlay")
	write := exec.Command(filepath.Join(testkit.Root(t), "internal", "tools", "overlay.sh"), dir)
	write.Env = append(os.Environ(), append(settings, "NAMESPACE="+namespace)...)
	if out, err := write.CombinedOutput(); err != nil {
		t.Fatalf("overlay.sh: %v\n%s", err, out)
	}
	return dir
}

// testers is the kustomization of load testers that a user of this namespace writes.
func testers(t *testing.T) string {
	t.Helper()
	dir := folder(t, "testers")
	component, err := filepath.Rel(dir, filepath.Join(testkit.Root(t), "deploy", "loadtest"))
	if err != nil {
		t.Fatal(err)
	}
	text := "namespace: " + namespace + "\ncomponents: [" + component + "]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// deploy applies the manifests as users do, after the API server has said of each object that it is valid.
func (c *cluster) deploy(t *testing.T) {
	for _, dir := range []string{overlay(t, "AUTOSCALER=1", "GRAFANA=1"), testers(t)} {
		if out := c.kubectl(t, "apply", "-k", dir, "--dry-run=server", "--validate=strict"); strings.Contains(out, "arning") {
			t.Errorf("the API server warns:\n%s", out)
		}
	}
	c.apply(t)
	c.kubectl(t, append([]string{"set", "env", "deployment/autoscaler"}, autoscalerEnv...)...)
	for _, name := range []string{deployment, "dispatcher", "prometheus", "autoscaler"} {
		c.rolledOut(t, name)
	}
	c.classify(t)
	testkit.Eventually(t, "the autoscaler decides", func() bool {
		return strings.Contains(c.decision(t).Reason, "requests ")
	})
}

// apply leaves Grafana out, whose program is not on this machine.
func (c *cluster) apply(t *testing.T) {
	t.Helper()
	c.kubectl(t, "apply", "-k", overlay(t, "AUTOSCALER=1"))
}

// classify asks the dispatcher's Service for a label, as users do.
func (c *cluster) classify(t *testing.T) {
	t.Helper()
	address, err := serviceAddress(t.Context(), c.client, "dispatcher")
	if err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(filepath.Join(testkit.Root(t), "images", "garbage-truck.png"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Post("http://"+address+"/predict", "image/png", bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"n03417042"`)) {
		t.Errorf("status %d, %v: %s", answer.StatusCode, err, text)
	}
}

// A pod that violates the standard is refused: that ours are admitted says something.
func (c *cluster) restricted(t *testing.T) {
	out, err := c.try(t, "run", "intruder", "--image=dispatcher:latest")
	if err == nil || !strings.Contains(out, `violates PodSecurity "restricted`) {
		t.Errorf("a pod that may run as root: %v\n%s", err, out)
	}
}

// secondApply must not undo what the autoscaler did.
func (c *cluster) secondApply(t *testing.T) {
	c.kubectl(t, "scale", "deployment/"+deployment, "--replicas=2")
	c.apply(t)
	if desired, _ := c.replicas(t); desired != 2 {
		t.Errorf("%d replicas after a second apply, want the 2 there were", desired)
	}
}

// dashboard runs every query of the dashboard in the cluster's Prometheus: each has to return something.
func (c *cluster) dashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "deploy", "grafana", "loop.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	queries := 0
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			queries++
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "1m")
			testkit.Eventually(t, panel.Title+" has data for "+expr, func() bool { return c.query(t, expr) > 0 })
		}
	}
	if queries < 10 {
		t.Errorf("only %d queries were found", queries)
	}
}

// query is how many series the cluster's Prometheus answers with.
func (c *cluster) query(t *testing.T, expr string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.podIP(t, "prometheus")+":9090/api/v1/query", nil)
	if err != nil {
		t.Fatal(err)
	}
	parameters := request.URL.Query()
	parameters.Set("query", expr)
	request.URL.RawQuery = parameters.Encode()
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var result struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(answer.Body).Decode(&result); err != nil || result.Status != "success" {
		t.Fatalf("%s: %v %s", expr, err, result.Error)
	}
	return len(result.Data.Result)
}
