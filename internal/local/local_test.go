package local

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/testkit"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func TestManifestsAreTheClusters(t *testing.T) {
	objects, err := readManifests(os.DirFS(filepath.Join(testkit.Root(t), "deploy")))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			names = append(names, "Deployment "+o.Name)
			if o.Spec.Replicas != nil {
				t.Errorf("%s states replicas: applying it again would undo the autoscaler", o.Name)
			}
			sized(o, 0.25, 2)
			c := o.Spec.Template.Spec.Containers[0]
			if *o.Spec.Replicas != 2 || c.Resources.Limits.Cpu().String() != "250m" || c.Resources.Requests.Cpu().String() != "250m" || c.Resources.Limits.Memory().String() != "512Mi" {
				t.Errorf("sized: %d replicas, %v", *o.Spec.Replicas, c.Resources)
			}
		case *corev1.Service:
			names = append(names, "Service "+o.Name)
		}
	}
	if want := []string{"Deployment resnet-inference", "Service resnet-inference", "Service dispatcher", "Service prometheus-service"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// Only the way to the API server and the credentials differ from the cluster's configuration.
func TestScrapeConfiguration(t *testing.T) {
	deploy := os.DirFS(filepath.Join(testkit.Root(t), "deploy"))
	text, err := scrapeConfig(deploy, "/k", "/t", "/c")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kubeconfig_file: /k", "credentials_file: /t", "ca_file: /c"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, gone := range []string{"serviceaccount", "insecure_skip_verify"} {
		if strings.Contains(string(text), gone) {
			t.Errorf("%q is left in\n%s", gone, text)
		}
	}
	original, err := os.ReadFile(filepath.Join(testkit.Root(t), "deploy", "prometheus", "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	jobs := func(text []byte) (names []string) {
		var config struct {
			Jobs []struct {
				Name string `json:"job_name"`
			} `json:"scrape_configs"`
		}
		if err := yaml.Unmarshal(text, &config); err != nil {
			t.Fatal(err)
		}
		for _, j := range config.Jobs {
			names = append(names, j.Name)
		}
		return names
	}
	want := []string{"resnet-pods", "dispatcher", "autoscaler", "cadvisor"}
	if got := jobs(text); !slices.Equal(got, want) || !slices.Equal(jobs(original), want) {
		t.Errorf("jobs %q, want %q", got, want)
	}
}

func TestJudge(t *testing.T) {
	at := func(ready ...int) (list []summary.Replicas) {
		for i, n := range ready {
			list = append(list, summary.Replicas{Second: i, Ready: n})
		}
		return list
	}
	good := summary.Result{Requests: 10, OK: 10, Replicas: at(1, 4, 2), SLO: []summary.Verdict{{Kept: true}}}
	if err := judge(good); err != nil {
		t.Error(err)
	}
	for word, change := range map[string]func(*summary.Result){
		"1 of 10 requests were lost": func(r *summary.Result) { r.OK = 9 },
		"0 of 0 requests were lost":  func(r *summary.Result) { r.Requests, r.OK = 0, 0 },
		"the SLO was missed":         func(r *summary.Result) { r.SLO = []summary.Verdict{{Kept: false}} },
		"never scaled up from 2":     func(r *summary.Result) { r.Replicas = at(2, 2, 1) },
		"did not scale down from 4":  func(r *summary.Result) { r.Replicas = at(1, 4, 4) },
		"nobody could say how many":  func(r *summary.Result) { r.Replicas = nil },
	} {
		bad := good
		change(&bad)
		if err := judge(bad); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v, want %q", err, word)
		}
	}
}

// program plays a process that ends when the test says so, or when it is told to.
type program struct{ done chan struct{} }

func (p *program) PID() int                    { return 1 }
func (p *program) Done() <-chan struct{}       { return p.done }
func (p *program) Exit() (int, syscall.Signal) { return 1, 0 }
func (p *program) Signal(s syscall.Signal) error {
	if s == syscall.SIGKILL {
		close(p.done)
	}
	return nil
}

func TestAComponentComesBackWithBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Duration
		begin := time.Now()
		var log bytes.Buffer
		c := &component{
			program: Program{Name: "dispatcher"}, logPath: filepath.Join(t.TempDir(), "log"), log: slog.New(slog.NewTextHandler(&log, nil)),
			start: func(Program) (Process, error) {
				starts = append(starts, time.Since(begin))
				p := &program{done: make(chan struct{})}
				if len(starts) < 5 {
					close(p.done)
				}
				return p, nil
			},
		}
		ended := make(chan error)
		ctx, stop := context.WithCancel(t.Context())
		go func() { ended <- c.run(ctx) }()
		time.Sleep(time.Minute)
		stop() // the fifth one does not listen to SIGINT: it is killed
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, 0, time.Second, 3 * time.Second, 7 * time.Second}
		if !slices.Equal(starts, want) {
			t.Errorf("started at %v, want %v", starts, want)
		}
		if took := time.Since(begin); took != time.Minute+stopTimeout {
			t.Errorf("ended after %v", took)
		}
	})
}
