package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/testkit"
	"resnet-autoscaling/internal/testkit/kubeapi"
)

// The steps build on one another: a cluster takes a minute to start.
func TestTheCluster(t *testing.T) {
	c := startCluster(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the manifests are valid, and bring the system up", c.deploy},
		{"the API server is what the local runtime's tests expect of one", func(t *testing.T) { kubeapi.Run(t, c.client) }},
		{"a pod that violates the restricted standard is refused", c.restricted},
		{"accounts may do their job and nothing else", c.rights},
		{"replicas follow the load, driven from a laptop", c.followsLoad},
		{"policy slo staffs for a load that grows", c.keepsALatency},
		{"every query of the dashboard returns data", c.dashboard},
		{"a second apply leaves the replicas alone", c.secondApply},
		{"a second autoscaler, on a laptop, stands by", c.standsBy},
		{"beside an HPA the autoscaler holds, and names it", c.besideAnHPA},
		{"CPU counts also where its container label is empty", c.minikubeCPU},
		{"a roll-out under load loses nothing", c.rollOut},
		{"draining a node under load loses nothing", c.drain},
		{"an API server that is away for 30 s costs nothing", c.apiServerAway},
		{"a thousand replicas", c.aThousandReplicas},
	} {
		if !t.Run(step.name, step.run) {
			return // what follows would only fail because of it
		}
	}
}

func (c *cluster) followsLoad(t *testing.T) {
	result := c.drive(t, "load", "constant:0.5/10s ramp:0.5..1/35s ramp:1..2/35s ramp:2..4/35s constant:4/15s ramp:4..0.5/10s constant:0.5/40s")
	peak, last := 0, 0
	for _, r := range result.Replicas {
		peak, last = max(peak, r.Ready), r.Ready
	}
	t.Logf("at most %d replicas, %d at the end", peak, last)
	if peak < 4 || last >= peak {
		t.Errorf("at most %d replicas, %d at the end: %+v", peak, last, result.Replicas)
	}
}

// keepsALatency has policy slo staff for a load that grows. How well it keeps the latency is logged: this machine plays the whole cluster.
func (c *cluster) keepsALatency(t *testing.T) {
	c.kubectl(t, "set", "env", "deployment/autoscaler", "RESNET_POLICY=slo")
	c.rolledOut(t, "autoscaler")
	testkit.Eventually(t, "policy slo decides", func() bool { return c.decision(t).Reckoning != nil })
	// At its end the load has been low for as long as policy target's rates look back: what follows scales by hand.
	result := c.drive(t, "slo", "constant:0.5/20s ramp:0.5..3/75s constant:3/20s ramp:3..0.5/10s constant:0.5/40s")
	peak := 0
	for _, r := range result.Replicas {
		peak = max(peak, r.Ready)
	}
	d := c.decision(t)
	t.Logf("at most %d replicas; the last decision: %v", peak, d)
	if peak < 4 || d.Reckoning == nil || d.Reckoning.Blind {
		t.Errorf("at most %d replicas, %+v", peak, d.Reckoning)
	}
	c.kubectl(t, "set", "env", "deployment/autoscaler", "RESNET_POLICY-")
	c.rolledOut(t, "autoscaler")
}

// drive drives the cluster as `go run ./cmd/loadtest` does from a laptop: with a kubeconfig, through the API server. The profile's rates are
// multiples of what a replica can do.
func (c *cluster) drive(t *testing.T, name, profile string) (result summary.Result) {
	t.Helper()
	capacity := c.capacity(t)
	profile = multiple.ReplaceAllStringFunc(profile, func(m string) string {
		f, err := strconv.ParseFloat(m[1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		return m[:1] + strconv.FormatFloat(f*capacity, 'f', 2, 64)
	})
	output := filepath.Join(folder(t), name+".json")
	test := c.command(t, bin(t, "loadtest"), "--images="+photograph(t), "--profile="+profile, "--slo=errors<=0%", "--json="+output, "--report="+filepath.Join(folder(t), name+".html"))
	out, err := test.CombinedOutput()
	if err != nil {
		t.Errorf("the load test: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "through the API server") {
		t.Errorf("it does not say that it goes through the API server:\n%s", out)
	}
	text, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	t.Logf("capacity %.1f/s; %d requests, %d answered; p99 %.0f ms", capacity, result.Requests, result.OK, result.Latency.P99)
	return result
}

// multiple is a rate in a profile.
var multiple = regexp.MustCompile(`[:.]\d+(\.\d+)?\b`)

// photograph is what is sent where the load is a multiple of the capacity, which a replica measures with a JPEG: the samples in other
// formats cost it twice as much.
func photograph(t *testing.T) string {
	return filepath.Join(testkit.Root(t), "images", "temple.jpg")
}

// capacity is what one replica measured of itself.
func (c *cluster) capacity(t *testing.T) float64 {
	t.Helper()
	return c.metric(t, deployedApp, 8000, "inference_capacity_rps")
}

const deployedApp = "resnet"

// metric is the series of a name, labels included, at a pod of an app.
func (c *cluster) metric(t *testing.T, app string, port int, name string) float64 {
	t.Helper()
	value, ok := c.series(t, app, port)[name]
	if !ok {
		t.Fatalf("%s has no %s", app, name)
	}
	return value
}

// series are all that a pod of an app exposes.
func (c *cluster) series(t *testing.T, app string, port int) map[string]float64 {
	t.Helper()
	answer, err := client.Get(fmt.Sprintf("http://%s:%d/metrics", c.podIP(t, app), port))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return parseSeries(string(text))
}

func parseSeries(text string) map[string]float64 {
	found := map[string]float64{}
	for line := range strings.Lines(text) {
		i := strings.LastIndex(line, " ")
		if n, err := strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64); err == nil && !strings.HasPrefix(line, "#") {
			found[line[:i]] = n
		}
	}
	return found
}

// decision is the autoscaler's newest.
func (c *cluster) decision(t *testing.T) scaling.Decision {
	t.Helper()
	answer, err := client.Get("http://" + c.podIP(t, "autoscaler") + ":8081/decisions")
	if err != nil {
		return scaling.Decision{}
	}
	defer answer.Body.Close()
	var list struct{ Decisions []scaling.Decision }
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil || len(list.Decisions) == 0 {
		return scaling.Decision{}
	}
	return list.Decisions[0]
}

func (c *cluster) standsBy(t *testing.T) {
	said := &testkit.Buffer{}
	laptop := c.command(t, bin(t, "autoscaler"), "--listen=127.0.0.1:0", "--max-replicas=3", "--log-format=text")
	laptop.Stderr = said
	if err := laptop.Start(); err != nil {
		t.Fatal(err)
	}
	holder := c.kubectl(t, "get", "lease", deployment+"-autoscaler", "-o", "jsonpath={.spec.holderIdentity}")
	testkit.Eventually(t, "it names who leads", func() bool {
		return strings.Contains(said.String(), "holder="+holder)
	})
	if err := laptop.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := laptop.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said.String())
	}
	if now := c.kubectl(t, "get", "lease", deployment+"-autoscaler", "-o", "jsonpath={.spec.holderIdentity}"); now != holder {
		t.Errorf("the lease went from %s to %s", holder, now)
	}
	once := c.command(t, bin(t, "autoscaler"), "--dry-run", "--once")
	if out, err := once.Output(); err != nil || !strings.Contains(string(out), "requests") {
		t.Errorf("--dry-run --once from a laptop: %v\n%s", err, out)
	}
}

func (c *cluster) besideAnHPA(t *testing.T) {
	c.kubectl(t, "autoscale", "deployment", deployment, "--min=1", "--max=3", "--cpu=50%")
	testkit.Eventually(t, "it holds and names the HPA", func() bool {
		d := c.decision(t)
		return d.Hold == scaling.HoldOtherOwner && strings.Contains(d.Reason, "HorizontalPodAutoscaler "+deployment)
	})
	c.kubectl(t, "delete", "hpa", deployment)
	testkit.Eventually(t, "it goes on", func() bool { d := c.decision(t); return !d.At.IsZero() && d.Hold != scaling.HoldOtherOwner })
}

// minikubeCPU lets Prometheus drop the container label, as Docker on minikube has it empty (kubernetes/minikube#16742).
func (c *cluster) minikubeCPU(t *testing.T) {
	c.patchScrapes(t, func(config string) string {
		return strings.Replace(config, "    metric_relabel_configs:\n", "    metric_relabel_configs:\n      - regex: container\n        action: labeldrop\n", 1)
	})
	testkit.Eventually(t, "CPU without a container label", func() bool {
		// A rate forgets the series of before; they themselves stay for five minutes, since the Prometheus that knew them is gone.
		return c.query(t, `rate(container_cpu_usage_seconds_total{container="",pod=~"resnet-inference-.*"}[30s])`) > 0 &&
			c.query(t, `rate(container_cpu_usage_seconds_total{container="resnet",pod=~"resnet-inference-.*"}[30s])`) == 0
	})
	testkit.Eventually(t, "the autoscaler still sees CPU", func() bool {
		return strings.Contains(c.decision(t).Reason, "cpu ") && !strings.Contains(c.decision(t).Reason, "cpu: ")
	})
	c.apply(t)
	c.rolledOut(t, "prometheus")
}

// patchScrapes gives Prometheus another configuration until the next apply, and starts it anew.
func (c *cluster) patchScrapes(t *testing.T, change func(string) string) {
	t.Helper()
	name := c.kubectl(t, "get", "deployment", "prometheus", "-o", `jsonpath={.spec.template.spec.volumes[?(@.configMap)].configMap.name}`)
	config := c.kubectl(t, "get", "configmap", name, "-o", `jsonpath={.data.prometheus\.yml}`)
	changed := change(config)
	if changed == config {
		t.Fatalf("nothing was changed in\n%s", config)
	}
	patch, err := json.Marshal(map[string]any{"data": map[string]string{"prometheus.yml": changed}})
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "patch", "configmap", name, "--type=merge", "-p", string(patch))
	c.kubectl(t, "rollout", "restart", "deployment/prometheus")
	c.rolledOut(t, "prometheus")
}

// steady is a load that three replicas bear with one of them away, so that what is lost is lost by the dispatcher.
func (c *cluster) steady(t *testing.T, seconds int) *load {
	t.Helper()
	c.kubectl(t, "set", "env", "deployment/autoscaler", "RESNET_MIN_REPLICAS=3")
	c.rolledOut(t, "autoscaler")
	testkit.Eventually(t, "3 replicas at least", func() bool { _, ready := c.replicas(t); return ready >= 3 })
	l := c.startLoad(t, fmt.Sprintf("--profile=constant:%.2f/%ds", c.capacity(t), seconds), "--poisson")
	// Some requests before anything happens.
	served := func() float64 { return c.metric(t, "dispatcher", 8080, `dispatcher_arrivals_total`) }
	before := served()
	testkit.Eventually(t, "the load has begun", func() bool { return served() != before })
	return l
}

func (c *cluster) rollOut(t *testing.T) {
	l := c.steady(t, 90)
	c.kubectl(t, "rollout", "restart", "deployment/"+deployment)
	c.rolledOut(t, deployment)
	c.kubectl(t, "rollout", "restart", "deployment/dispatcher")
	c.rolledOut(t, "dispatcher")
	l.lostNothing(t)
}

func (c *cluster) drain(t *testing.T) {
	l := c.steady(t, 90)
	c.kubectl(t, "drain", "node-b", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s")
	if left := c.kubectl(t, "get", "pods", "-o", "name", "--field-selector=spec.nodeName=node-b"); strings.TrimSpace(left) != "" {
		t.Errorf("on the drained node are left:\n%s", left)
	}
	l.lostNothing(t)
	c.kubectl(t, "uncordon", "node-b")
}

func (c *cluster) apiServerAway(t *testing.T) {
	const away = 30 * time.Second
	l := c.steady(t, 75)
	dispatcher, autoscaler := c.podIP(t, "dispatcher"), c.podIP(t, "autoscaler")
	c.master.stopAPIServer(t)
	time.Sleep(away) // what is tested is that this long
	c.master.startAPIServer(t)
	back := time.Now()
	l.lostNothing(t)
	testkit.Eventually(t, "the autoscaler decides again", func() bool {
		d := c.decision(t)
		return d.At.After(back) && d.Hold == scaling.HoldNone
	})
	if c.podIP(t, "autoscaler") != autoscaler || c.podIP(t, "dispatcher") == "" {
		t.Errorf("the autoscaler was at %s, dispatchers at %s; now other pods run", autoscaler, dispatcher)
	}
}
