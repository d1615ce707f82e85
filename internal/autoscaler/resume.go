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
	var usual, over, ago figure
	asking.Go(func() {
		// Without it they are believed.
		belief.Believed, _ = s.o.Prometheus.Value(ctx, fmt.Sprintf("min(last_over_time(%s[10m]) > 0)", s.series.believed))
	})
	asking.Go(func() {
		over.value, over.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("max(last_over_time(%s[10m]) >= 0)", s.series.shownOver))
	})
	asking.Go(func() {
		ago.value, ago.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("min(last_over_time(%s[10m]) >= 0)", s.series.shownAgo))
	})
	asking.Go(func() {
		usual.value, usual.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("max(last_over_time(%s[1d]) > 0)", s.series.start))
	})
	asking.Wait()
	if usual.err == nil {
		s.starts.Remember(seconds(usual.value))
	}
	if over.err == nil && ago.err == nil {
		belief.Shown = scaling.Shown{Share: belief.Believed, At: now.Add(-seconds(ago.value)), Over: seconds(over.value)}
	}
	if err != nil {
		return nil, belief
	}
	return replayed(desired, now, s.o.Interval), belief
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

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
