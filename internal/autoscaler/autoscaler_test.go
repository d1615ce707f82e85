package autoscaler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/autoscaler"
	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster plays a Deployment whose pods are ready as soon as they are asked for.
type cluster struct {
	mu       sync.Mutex
	replicas int
	rollout  bool
	other    string
	events   []string
	err      error // of everything
	scaleErr error
}

func (c *cluster) Fleet(context.Context) (scaling.Fleet, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := scaling.Fleet{Replicas: c.replicas, RollingOut: c.rollout, CPURequests: map[string]float64{}}
	for i := range c.replicas {
		old := time.Now().Add(-time.Hour)
		f.Pods = append(f.Pods, scaling.Pod{Name: pod(i), Ready: true, Started: old, Since: old})
		f.CPURequests[pod(i)] = 0.25
	}
	return f, c.err
}

func (c *cluster) Scale(_ context.Context, from, to int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scaleErr != nil {
		return c.scaleErr
	}
	if from != c.replicas {
		return errors.New("somebody else was faster")
	}
	c.replicas = to
	return nil
}

func (c *cluster) Watch(ctx context.Context, _ *slog.Logger) error {
	<-ctx.Done()
	return nil
}

func (c *cluster) OtherAutoscaler(context.Context) (string, error) { return c.other, nil }

func (c *cluster) Event(_ context.Context, warning bool, reason, message string, _ time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, fmt.Sprintf("%v %s %s", warning, reason, message))
	return nil
}

func (c *cluster) now() (replicas int, events []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replicas, append([]string{}, c.events...)
}

func pod(i int) string { return fmt.Sprintf("resnet-inference-%d", i) }

// metricsOf plays Prometheus: the same value for every pod, by what the query is about.
type metricsOf struct {
	mu     sync.Mutex
	pods   int
	values map[string]float64 // by a word of the query
	err    error
}

func (m *metricsOf) Value(_ context.Context, query string) (float64, error) {
	samples, err := m.byPod(query)
	if value := samples[pod(0)].Value; value > 0 || err != nil { // the query asks for those above 0
		return value, err
	}
	return 0, scaling.ErrNoData
}

func (m *metricsOf) byPod(query string) (map[string]scaling.Sample, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	word := "requests"
	switch {
	case strings.Contains(query, "inference_capacity_rps"):
		word = "capacity"
	case strings.Contains(query, "container_cpu_usage_seconds_total"):
		word = "cpu"
	case strings.Contains(query, "dispatcher_arrivals_total"):
		word = "offered"
	case strings.Contains(query, "dispatcher_shed_total"):
		word = "shed"
	}
	value, ok := m.values[word]
	if !ok {
		return nil, scaling.ErrNoData
	}
	if word == "offered" || word == "shed" {
		return map[string]scaling.Sample{"dispatcher-1": {Value: value / 2}, "dispatcher-2": {Value: value / 2}}, nil
	}
	samples := map[string]scaling.Sample{}
	for i := range m.pods {
		samples[pod(i)] = scaling.Sample{Value: value, At: time.Now()}
	}
	return samples, nil
}

func (m *metricsOf) FreshByPod(ctx context.Context, query, series string, limit time.Duration) (map[string]scaling.Sample, error) {
	return m.DatedByPod(ctx, query, series, limit)
}

func (m *metricsOf) DatedByPod(_ context.Context, query, _ string, limit time.Duration) (map[string]scaling.Sample, error) {
	samples, err := m.byPod(query)
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := m.values["age"]; err == nil && age > limit.Seconds() {
		return nil, fmt.Errorf("%w: %v s old", scaling.ErrStale, age)
	}
	return samples, err
}

func (m *metricsOf) Counts(context.Context, string, time.Duration) ([]scaling.Count, error) {
	return nil, scaling.ErrNoData
}

func (m *metricsOf) Clock(context.Context) (time.Time, error) { return time.Now(), nil }

func (m *metricsOf) Range(context.Context, string, time.Time, time.Duration, time.Duration) ([]float64, error) {
	return nil, scaling.ErrNoData
}

func (m *metricsOf) set(err error, values map[string]float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.values = err, maps.Clone(values)
}

type loop struct {
	*autoscaler.Service
	cluster  *cluster
	metrics  *metricsOf
	registry *prometheus.Registry
	log      *bytes.Buffer
}

func newLoop(t *testing.T, change func(*autoscaler.Options)) loop {
	t.Helper()
	l := loop{
		cluster: &cluster{replicas: 2}, registry: prometheus.NewRegistry(), log: &bytes.Buffer{},
		metrics: &metricsOf{pods: 2, values: map[string]float64{"requests": 5, "capacity": 10, "cpu": 0.1, "age": 1}},
	}
	o := autoscaler.Options{
		MaxReplicas: 10,
		Policy:      scaling.Target{Min: 1, Max: 10, Tolerance: 0.1, UpSteps: []scaling.Step{{Percent: 100, Period: 15 * time.Second}}},
		Prometheus:  l.metrics, History: l.metrics, Deployment: l.cluster, Elect: autoscaler.Alone,
		Name: "resnet-inference", Namespace: "default", Container: "resnet", Interval: 5 * time.Second, RateWindow: 30 * time.Second,
		CPUWindow: time.Minute, StaleAfter: 20 * time.Second, StaleCPU: 45 * time.Second, TargetCPU: 0.7, TargetShare: 0.7,
		Registry: l.registry, Log: slog.New(slog.NewTextHandler(l.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	s, err := autoscaler.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l.Service = s
	return l
}

func (l loop) tick(t *testing.T) scaling.Decision {
	t.Helper()
	d, err := l.Once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (l loop) count(t *testing.T, name string, label string) float64 {
	t.Helper()
	families, err := l.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no %s{%s}", name, label)
	return 0
}

func TestScalesByTheSignalThatAsksForMost(t *testing.T) {
	l := newLoop(t, nil)
	// 70 % of 10 is the target: 5 per pod would need fewer; 0.25 cores of 0.25 requested are 1.43 of 0.7: ceil(2 × 1.43) = 3.
	l.metrics.set(nil, map[string]float64{"requests": 5, "capacity": 10, "cpu": 0.25, "age": 1})
	d := l.tick(t)
	if d.To != 3 || !d.Applied || !strings.HasPrefix(d.Reason, "cpu 100% of the request, target 70%") {
		t.Errorf("%v", d)
	}
	replicas, events := l.cluster.now()
	if replicas != 3 || len(events) != 1 || !strings.Contains(events[0], "Scaled 2→3: cpu") {
		t.Errorf("replicas %d, events %q", replicas, events)
	}
	for name, want := range map[string]float64{"autoscaler_desired_replicas": 3, "autoscaler_current_replicas": 2, "autoscaler_max_replicas": 10} {
		if got := l.count(t, name, ""); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if up := l.count(t, "autoscaler_decisions_total", "up"); up != 1 {
		t.Errorf("%v decisions up", up)
	}
}

// What is offered shows where pods that are starved show nothing.
func TestScalesByWhatIsOffered(t *testing.T) {
	l := newLoop(t, nil)
	l.metrics.set(nil, map[string]float64{"requests": 1, "capacity": 10, "cpu": 0.05, "offered": 25, "age": 1})
	d := l.tick(t)
	if d.To != 4 || !strings.HasPrefix(d.Reason, "offered 25/s, 12.5/s per replica, target 7/s (1.79×); ") {
		t.Errorf("%v", d)
	}
	if d.Inputs.Offered == nil || *d.Inputs.Offered != 25 {
		t.Errorf("it says that it saw %v", d.Inputs.Offered)
	}
	l.metrics.set(nil, map[string]float64{"requests": 2.5, "capacity": 10, "cpu": 0.05, "offered": 25, "shed": 15, "age": 1})
	if d := l.tick(t); d.Recommended != 10 || !strings.Contains(d.Reason, "15/s of it refused though a replica gets only 2.5/s") {
		t.Errorf("%v", d)
	}
}

func TestHoldsAndGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		values map[string]float64
		hold   scaling.Hold
		failed float64
	}{
		"Prometheus is away":     {fmt.Errorf("%w: connection refused", scaling.ErrFailed), nil, scaling.HoldFailed, 3},
		"it knows nothing":       {nil, nil, scaling.HoldNoData, 0},
		"what it knows is old":   {nil, map[string]float64{"requests": 99, "capacity": 10, "cpu": 9, "age": 60}, scaling.HoldStale, 0},
		"the capacity is zero":   {nil, map[string]float64{"requests": 99, "capacity": 0, "age": 1}, scaling.HoldNoData, 0},
		"no capacity and no cpu": {nil, map[string]float64{"requests": 99, "age": 1}, scaling.HoldNoData, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, nil)
			l.metrics.set(c.err, c.values)
			for range 2 {
				if d := l.tick(t); d.Hold != c.hold || d.Changed() {
					t.Fatalf("%v, want hold %s", d, c.hold)
				}
			}
			if n := l.count(t, "autoscaler_holds_total", string(c.hold)); n != 2 {
				t.Errorf("counted %v holds, want 2", n)
			}
			if n := l.count(t, "autoscaler_poll_errors_total", "prometheus"); n != 2*c.failed {
				t.Errorf("counted %v poll errors, want %v", n, 2*c.failed)
			}
			if n := strings.Count(l.log.String(), "msg=holding"); n != 1 {
				t.Errorf("said %d times that it holds, want once:\n%s", n, l.log)
			}
			l.metrics.set(nil, map[string]float64{"requests": 14, "capacity": 10, "cpu": 0.1, "age": 1})
			if d := l.tick(t); d.To != 4 {
				t.Errorf("after the hold: %v", d)
			}
			if _, events := l.cluster.now(); len(events) != 3 || !strings.Contains(events[1], "Resumed") {
				t.Errorf("events %q, want Holding, Resumed, Scaled", events)
			}
		})
	}
}

func TestNeverDownOnHalfASight(t *testing.T) {
	l := newLoop(t, nil)
	l.metrics.set(nil, map[string]float64{"requests": 0.1, "capacity": 10, "age": 1}) // no CPU
	if d := l.tick(t); d.Changed() || d.Hold != scaling.HoldPartial {
		t.Errorf("one signal is missing: %v", d)
	}
	l.cluster.rollout = true
	l.metrics.set(nil, map[string]float64{"requests": 0.1, "capacity": 10, "cpu": 0.01, "age": 1})
	if d := l.tick(t); d.Changed() || d.Hold != scaling.HoldRollout {
		t.Errorf("a roll-out: %v", d)
	}
	l.cluster.rollout = false
	if d := l.tick(t); d.To != 1 {
		t.Errorf("all in sight: %v", d)
	}
}

func TestTwoWritersNeverFight(t *testing.T) {
	l := newLoop(t, nil)
	l.cluster.other = "HorizontalPodAutoscaler web"
	l.metrics.set(nil, map[string]float64{"requests": 14, "capacity": 10, "cpu": 0.1, "age": 1})
	if d := l.tick(t); d.Changed() || d.Hold != scaling.HoldOtherOwner || !strings.Contains(d.Reason, "HorizontalPodAutoscaler web") {
		t.Errorf("%v", d)
	}
}

func TestAFailedPatchIsTriedAgain(t *testing.T) {
	l := newLoop(t, nil)
	l.metrics.set(nil, map[string]float64{"requests": 14, "capacity": 10, "cpu": 0.1, "age": 1})
	l.cluster.scaleErr = errors.New("etcd is away")
	if d, err := l.Once(t.Context()); err == nil || d.Applied {
		t.Fatalf("%v, %v", d, err)
	}
	l.cluster.scaleErr = nil
	if d := l.tick(t); d.To != 4 || !d.Applied {
		t.Errorf("%v", d)
	}
	if n := l.count(t, "autoscaler_poll_errors_total", "kubernetes"); n != 1 {
		t.Errorf("counted %v errors of the cluster, want 1", n)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	l := newLoop(t, func(o *autoscaler.Options) { o.DryRun = true })
	l.metrics.set(nil, map[string]float64{"requests": 14, "capacity": 10, "cpu": 0.1, "age": 1})
	if d := l.tick(t); d.To != 4 || d.Applied {
		t.Errorf("%v", d)
	}
	if replicas, events := l.cluster.now(); replicas != 2 || len(events) != 0 {
		t.Errorf("replicas %d, events %q", replicas, events)
	}
}

func TestAllMetricsAreThereFromTheStart(t *testing.T) {
	l := newLoop(t, nil)
	for _, name := range []string{
		"autoscaler_desired_replicas", "autoscaler_current_replicas", "autoscaler_max_replicas", "autoscaler_signal", "autoscaler_decisions_total",
		"autoscaler_holds_total", "autoscaler_poll_errors_total", "autoscaler_tick_duration_seconds", "autoscaler_leader",
	} {
		if n, err := testutil.GatherAndCount(l.registry, name); err != nil || n == 0 {
			t.Errorf("%s: %d series, %v", name, n, err)
		}
	}
}

func TestDecisionsAreServed(t *testing.T) {
	l := newLoop(t, func(o *autoscaler.Options) { o.Listen = "127.0.0.1:0" })
	l.metrics.set(nil, map[string]float64{"requests": 14, "capacity": 10, "cpu": 0.1, "age": 1})
	l.tick(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	answer, err := http.Get("http://" + l.Addr().String() + "/decisions")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body struct {
		Policy    string             `json:"policy"`
		Decisions []scaling.Decision `json:"decisions"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(body.Decisions)
	if !strings.Contains(body.Policy, "target 1..10") || !strings.Contains(text, "2→4") {
		t.Errorf("%+v", body)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTicksAtEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(chan scaling.Decision, 100)
		l := newLoop(t, func(o *autoscaler.Options) { o.Told = func(d scaling.Decision) { seen <- d } })
		ctx, stop := context.WithTimeout(t.Context(), 21*time.Second)
		defer stop()
		if err := l.Loop(ctx); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 5 { // at 0, 5, 10, 15 and 20 s
			t.Errorf("%d ticks in 21 s, want 5", len(seen))
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for flag, change := range map[string]func(*autoscaler.Options){
		"--interval":    func(o *autoscaler.Options) { o.Interval = 0 },
		"--rate-window": func(o *autoscaler.Options) { o.RateWindow = time.Second },
		"--stale-after": func(o *autoscaler.Options) { o.StaleAfter = 0 },
		"--target-cpu":  func(o *autoscaler.Options) { o.TargetCPU = -1 },
		"--container":   func(o *autoscaler.Options) { o.Container = ".*" },
		"--target-rps":  func(o *autoscaler.Options) { o.TargetRPS = -1 },
	} {
		o := autoscaler.Options{
			Container: "resnet", Interval: 5 * time.Second, RateWindow: 30 * time.Second, StaleAfter: time.Second, TargetCPU: 0.7,
			Registry: prometheus.NewRegistry(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}
		change(&o)
		if _, err := autoscaler.New(o); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
