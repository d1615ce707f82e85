package autoscaler

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"
)

// resumeWait is how long the first tick waits to be told what was before.
const resumeWait = 2 * time.Second

// before is what happened before the first tick, as Prometheus has it: how the replicas changed of late, by what an autoscaler that led
// wanted, or else by the replicas themselves, and how far these were believed; and how long pods took to start, which it learns by the way.
func (s *Service) before(ctx context.Context, now time.Time) (past []scaling.Decision, belief scaling.Belief) {
	ctx, cancel := context.WithTimeout(ctx, resumeWait)
	defer cancel()
	clock, err := s.o.Prometheus.Clock(ctx)
	if err != nil {
		return nil, belief
	}
	var desired []float64
	var asking sync.WaitGroup
	asking.Go(func() {
		query := fmt.Sprintf("max(%s and on (instance) %s == 1) or count(group by (pod) (%s))", s.series.desired, s.series.leader, s.series.capacity)
		desired, err = s.o.History.Range(ctx, query, clock, s.o.Policy.Memory()+s.o.Interval, s.o.Interval)
	})
	var usual, shown figure
	asking.Go(func() {
		// Without it they are believed.
		belief.Believed, _ = s.o.Prometheus.Value(ctx, fmt.Sprintf("min(last_over_time(%s[10m]) > 0)", s.series.believed))
	})
	asking.Go(func() {
		shown.value, shown.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("max(last_over_time(%s[10m]) >= 0)", s.series.shown))
	})
	asking.Go(func() {
		usual.value, usual.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("max(last_over_time(%s[1d]) > 0)", s.series.start))
	})
	asking.Wait()
	if usual.err == nil {
		s.starts.Remember(time.Duration(usual.value * float64(time.Second)))
	}
	if shown.err == nil { // the last time was not long ago, or it would be forgotten
		belief.Shown = scaling.Shown{At: now, Over: time.Duration(shown.value * float64(time.Second))}
	}
	if err != nil {
		return nil, belief
	}
	return replayed(desired, now, s.o.Interval), belief
}

// begun is the past that the first tick looks back on. The replicas that are found count as wanted until now, so that it never begins by
// scaling down.
func begun(past []scaling.Decision, belief scaling.Belief, replicas int, now time.Time) []scaling.Decision {
	if last := len(past) - 1; last >= 0 && past[last].To < replicas {
		// What the cluster says is newer than what Prometheus scraped.
		past = append(past, scaling.Decision{At: past[last].At, From: past[last].To, To: replicas, Recommended: replicas, Applied: true, Reason: beforeStart})
	}
	start := scaling.Start(replicas, now)
	start.Belief = belief
	return append(past, start)
}

const beforeStart = "before this autoscaler started"

// replayed are the decisions that made replicas as they were, at each interval until now.
func replayed(desired []float64, now time.Time, interval time.Duration) []scaling.Decision {
	var past []scaling.Decision
	before := math.NaN()
	for i, v := range desired {
		if math.IsNaN(v) {
			continue
		}
		if math.IsNaN(before) {
			before = v
		}
		past = append(past, scaling.Decision{
			At: now.Add(-time.Duration(len(desired)-1-i) * interval), From: int(before), To: int(v), Recommended: int(v), Applied: v != before,
			Reason: beforeStart,
		})
		before = v
	}
	return past
}
