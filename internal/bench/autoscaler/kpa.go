package autoscaler

import (
	"context"
	"fmt"
	"time"

	"resnet-autoscaling/internal/simulate"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/autoscaler/aggregation"
	"knative.dev/serving/pkg/autoscaler/metrics"
	"knative.dev/serving/pkg/autoscaler/scaling"
)

// The documented defaults of Knative's ConfigMap config-autoscaler.
const (
	kpaTick         = 2 * time.Second
	kpaPanicShare   = 0.1 // of the stable window
	kpaPanicPercent = 2.0
	kpaUpRate       = 1000.0
	kpaDownRate     = 2.0
)

// kpaSetting is a point of Knative's.
type kpaSetting struct {
	signal string  // autoscaling.Concurrency or autoscaling.RPS
	target float64 // share of what a replica can do
	stable time.Duration
}

// kpa is Knative's autoscaler on the simulated cluster. It hears of each second as soon as it is over, as from its own scraper and from an
// activator that holds what waits.
type kpa struct {
	kpaSetting
	scaler        scaling.UniScaler
	view          *simulate.View
	heard         int
	stableBuckets *aggregation.TimedFloat64Buckets
	panicBuckets  *aggregation.TimedFloat64Buckets
	log           *zap.SugaredLogger
}

func newKPA(s kpaSetting) *kpa {
	panics := time.Duration(float64(s.stable) * kpaPanicShare)
	return &kpa{
		kpaSetting: s, log: zap.NewNop().Sugar(),
		stableBuckets: aggregation.NewTimedFloat64Buckets(s.stable, time.Second), panicBuckets: aggregation.NewTimedFloat64Buckets(panics, time.Second),
	}
}

func (k *kpa) String() string {
	return fmt.Sprintf("KPA %s %.0f%%, stable %v", k.signal, 100*k.target, k.stable)
}

func (k *kpa) Interval() time.Duration { return kpaTick }

// Replicas is one tick.
func (k *kpa) Replicas(v *simulate.View) int {
	if k.scaler == nil {
		// It is made while there is no pod to count: with several it would begin to panic by the real clock, and never end by ours.
		k.scaler = scaling.New(context.Background(), "default", "resnet", k, k, k.spec(v.Cluster()))
	}
	k.view = v
	for ; k.heard < v.Second(); k.heard++ {
		before, after := v.At(k.heard), v.At(k.heard+1)
		value := after.Arrivals - before.Arrivals
		if k.signal == autoscaling.Concurrency {
			value = float64(after.Waiting + after.InService)
		}
		at := simulate.Epoch.Add(time.Duration(k.heard) * time.Second)
		k.stableBuckets.Record(at, value)
		k.panicBuckets.Record(at, value)
	}
	r := k.scaler.Scale(k.log, v.Now())
	if !r.ScaleValid {
		return v.Desired()
	}
	return max(1, int(r.DesiredPodCount))
}

func (k *kpa) spec(c simulate.Cluster) *scaling.DeciderSpec {
	total := c.Capacity
	if k.signal == autoscaling.Concurrency {
		total = float64(c.Slots)
	}
	return &scaling.DeciderSpec{
		MaxScaleUpRate: kpaUpRate, MaxScaleDownRate: kpaDownRate, ScalingMetric: k.signal, TargetValue: k.target * total, TotalValue: total,
		PanicThreshold: kpaPanicPercent, StableWindow: k.stable, InitialScale: 1, Reachable: true,
	}
}

// ReadyCount is the pods that serve.
func (k *kpa) ReadyCount() (int, error) {
	if k.view == nil {
		return 0, nil
	}
	n := 0
	for _, p := range k.view.Pods() {
		if p.Ready {
			n++
		}
	}
	return n, nil
}

// NotReadyCount is the pods that start.
func (k *kpa) NotReadyCount() (int, error) {
	ready, _ := k.ReadyCount()
	return len(k.view.Pods()) - ready, nil
}

// StableAndPanicConcurrency is what the collector would tell.
func (k *kpa) StableAndPanicConcurrency(_ types.NamespacedName, now time.Time) (stable, panics float64, err error) {
	if k.heard == 0 {
		return 0, 0, metrics.ErrNoData
	}
	return k.stableBuckets.WindowAverage(now), k.panicBuckets.WindowAverage(now), nil
}

// StableAndPanicRPS is the same of requests.
func (k *kpa) StableAndPanicRPS(name types.NamespacedName, now time.Time) (stable, panics float64, err error) {
	return k.StableAndPanicConcurrency(name, now)
}
