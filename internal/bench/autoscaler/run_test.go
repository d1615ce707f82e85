package autoscaler

import (
	"context"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/simulate"

	"k8s.io/klog/v2"
	"knative.dev/serving/pkg/apis/autoscaling"
)

// The controller logs each informer it makes.
func TestMain(m *testing.M) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// contender is one point: an autoscaler at one setting. Each run needs a new one.
type contender struct {
	name   string
	family string // ours, HPA or KPA
	stock  bool   // the documented defaults
	make   func(ctx context.Context, most int) simulate.Autoscaler
}

// simulated runs a contender: an HPA in a bubble, whose clock it moves on.
func simulated(t *testing.T, c simulate.Cluster, trace simulate.Trace, who contender) (result simulate.Result) {
	t.Helper()
	if who.family != "HPA" {
		return run(t, c, trace, who.name, who.make(t.Context(), c.MaxReplicas))
	}
	// The controller has goroutines that never end, so it is made outside.
	autoscaler := who.make(t.Context(), c.MaxReplicas)
	synctest.Test(t, func(t *testing.T) { result = run(t, c, trace, who.name, autoscaler) })
	return result
}

func run(t *testing.T, c simulate.Cluster, trace simulate.Trace, name string, a simulate.Autoscaler) simulate.Result {
	t.Helper()
	result, err := simulate.Run(c, trace, a)
	if err != nil {
		t.Fatal(err)
	}
	result.Autoscaler = name
	return result
}

// ours is policy slo as the command runs it.
func ours(c simulate.Cluster) contender {
	return contender{name: "slo", family: "slo", stock: true, make: func(_ context.Context, most int) simulate.Autoscaler {
		policy := scaling.SLO{Min: 1, Max: most, Latency: c.Latency, Interval: simulate.Interval, QueueTimeout: c.QueueTimeout, Tuning: scaling.DefaultTuning()}
		return simulate.NewLive(policy)
	}}
}

// targets are how busy peers are told to keep replicas.
var targets = []float64{0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95}

// peers are all their points.
func peers() []contender {
	var all []contender
	for _, target := range targets {
		for _, down := range []time.Duration{60 * time.Second, 300 * time.Second} {
			all = append(all, ofHPA(hpaSetting{signal: "cpu", target: target, downWindow: down}))
			all = append(all, ofHPA(hpaSetting{signal: "rps", target: target, downWindow: down, rateWindow: 30 * time.Second}))
		}
		for _, stable := range []time.Duration{30 * time.Second, 60 * time.Second, 120 * time.Second} {
			all = append(all, ofKPA(kpaSetting{signal: autoscaling.RPS, target: target, stable: stable}))
			all = append(all, ofKPA(kpaSetting{signal: autoscaling.Concurrency, target: target, stable: stable}))
		}
	}
	return all
}

// The defaults: the HPA's documentation has no target of its own; its examples and most charts say 80 %.
func ofHPA(s hpaSetting) contender {
	c := contender{family: "HPA", stock: s.target == 0.8 && s.downWindow == hpaDownWindow, make: func(ctx context.Context, most int) simulate.Autoscaler {
		return newHPA(ctx, s, most, time.Sleep)
	}}
	c.name = (&hpa{hpaSetting: s}).String()
	return c
}

// Knative's defaults: 70 % of the concurrency, or of the requests per second, over a minute.
func ofKPA(s kpaSetting) contender {
	c := contender{family: "KPA", stock: s.target == 0.7 && s.stable == time.Minute, make: func(context.Context, int) simulate.Autoscaler {
		return newKPA(s)
	}}
	c.name = newKPA(s).String()
	return c
}
