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

// resume is the past that the first tick looks back on: how the replicas changed of late, as Prometheus has it from an autoscaler that
// led, or from the replicas themselves; and, as if it had always been so, the replicas that are found. Nothing but that is certain, so it
// never begins by scaling down.
func (s *Service) resume(ctx context.Context, replicas int, now time.Time) []scaling.Decision {
	ctx, cancel := context.WithTimeout(ctx, resumeWait)
	defer cancel()
	clock, err := s.o.Prometheus.Clock(ctx)
	if err != nil {
		return []scaling.Decision{scaling.Start(replicas, now)}
	}
	var desired []float64
	var asking sync.WaitGroup
	asking.Go(func() {
		query := fmt.Sprintf("max(%s and on (instance) %s == 1) or count(group by (pod) (%s))", s.series.desired, s.series.leader, s.series.capacity)
		desired, err = s.o.History.Range(ctx, query, clock, s.o.Policy.Memory()+s.o.Interval, s.o.Interval)
	})
	asking.Go(func() {
		usual, err := s.o.Prometheus.Value(ctx, fmt.Sprintf("max(last_over_time(%s[1d]) > 0)", s.series.start))
		if err == nil {
			s.starts.Remember(time.Duration(usual * float64(time.Second)))
		}
	})
	asking.Wait()
	var past []scaling.Decision
	if err == nil {
		past = replayed(desired, now, s.o.Interval)
	}
	if last := len(past) - 1; last >= 0 && past[last].To < replicas {
		// What the replicas are told to be is newer than what Prometheus scraped.
		past = append(past, scaling.Decision{At: now.Add(-s.o.Interval), From: past[last].To, To: replicas, Recommended: replicas, Applied: true, Reason: "grew before this autoscaler started"})
	}
	return append(past, scaling.Start(replicas, now))
}

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
			Reason: "before this autoscaler started",
		})
		before = v
	}
	return past
}
