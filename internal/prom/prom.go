// Package prom is the edge to Prometheus: a query, and what its answer means. A value, no data, stale and failed are four different
// things.
//
// They come as errors of internal/scaling, where the policies are that have to act differently on each: an empty answer is not zero, a
// sample that nobody renewed is not the present, and a Prometheus that does not answer says nothing about the load. Ages are by
// Prometheus' own clock, so that ours may be wrong.
package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"
)

// ByPod runs an instant query whose answer has one series for each pod, and returns the values by the label pod. The times are those of
// the evaluation, by Prometheus' own clock.
//
// The error wraps scaling.ErrFailed (nobody answered, or the answer was an error), scaling.ErrNoData (an empty answer is not zero) or
// scaling.ErrInvalid (two series for one pod, a series without a pod, not a number).
func (c *Client) ByPod(ctx context.Context, query string) (map[string]scaling.Sample, error) {
	all, err := c.instant(ctx, query, vector)
	if err != nil {
		return nil, err
	}
	samples := make(map[string]scaling.Sample, len(all))
	for _, s := range all {
		pod, value := s.Metric.Pod, s.Value.value
		_, twice := samples[pod]
		if err := checkPod(query, pod, twice); err != nil {
			return nil, err
		}
		if !possible(value) {
			return nil, invalid(query, "pod %s has %v", pod, value)
		}
		samples[pod] = scaling.Sample{Value: value, At: s.Value.at}
	}
	return samples, nil
}

// checkPod refuses a series that is of no pod, or of one that another is of.
func checkPod(query, pod string, twice bool) error {
	switch {
	case pod == "":
		return invalid(query, "a series has no label pod")
	case twice:
		return invalid(query, "two series for pod %s", pod)
	}
	return nil
}

// Value runs an instant query that answers with one series. The error wraps what ByPod's does.
func (c *Client) Value(ctx context.Context, query string) (float64, error) {
	all, err := c.instant(ctx, query, vector)
	if err != nil {
		return 0, err
	}
	if len(all) > 1 {
		return 0, invalid(query, "%d series, not one", len(all))
	}
	value := all[0].Value.value
	if !possible(value) {
		return 0, invalid(query, "%v", value)
	}
	return value, nil
}

// possible tells whether a rate, a count or a size can be that.
func possible(value float64) bool { return value >= 0 && !math.IsInf(value, 0) }

// FreshByPod is ByPod for a query over series, without pods where the newest sample of those is older than limit. The error wraps
// scaling.ErrStale where none is left. All is by Prometheus' own clock, and in its hands: where all is well, it answers one query.
func (c *Client) FreshByPod(ctx context.Context, query, series string, limit time.Duration) (map[string]scaling.Sample, error) {
	samples, err := c.ByPod(ctx, fmt.Sprintf("%s and on (pod) (%s <= %g)", query, ageOf(series), limit.Seconds()))
	if !errors.Is(err, scaling.ErrNoData) {
		return samples, err
	}
	// Nothing at all, or nothing that is fresh?
	return c.DatedByPod(ctx, query, series, limit)
}

// DatedByPod is FreshByPod with samples that are dated by the newest of the pod's series, instead of by the evaluation.
func (c *Client) DatedByPod(ctx context.Context, query, series string, limit time.Duration) (map[string]scaling.Sample, error) {
	var samples, ages map[string]scaling.Sample
	var err, ageErr error
	var asking sync.WaitGroup
	asking.Go(func() { samples, err = c.ByPod(ctx, query) })
	asking.Go(func() { ages, ageErr = c.ByPod(ctx, ageOf(series)) })
	asking.Wait()
	switch {
	case err != nil:
		return nil, err
	case ageErr != nil:
		return nil, fmt.Errorf("age of the samples: %w", ageErr)
	}
	return fresh(samples, ages, limit)
}

// ageOf is how old the newest sample of each pod's series is, in seconds.
func ageOf(series string) string {
	return fmt.Sprintf("time() - max by (pod) (timestamp(%s))", series)
}

// fresh drops the samples of pods whose newest measurement is older than limit, and dates the others by their measurement instead of
// the evaluation. ages is how old each pod's newest measurement was, in seconds.
func fresh(samples, ages map[string]scaling.Sample, limit time.Duration) (map[string]scaling.Sample, error) {
	kept := map[string]scaling.Sample{}
	youngest := math.Inf(1)
	for pod, s := range samples {
		age, ok := ages[pod]
		if !ok {
			continue // it vanished between the two queries
		}
		youngest = min(youngest, age.Value)
		if age.Value <= limit.Seconds() {
			kept[pod] = scaling.Sample{Value: s.Value, At: s.At.Add(-time.Duration(age.Value * float64(time.Second)))}
		}
	}
	switch {
	case len(kept) > 0:
		return kept, nil
	case math.IsInf(youngest, 0):
		return nil, fmt.Errorf("%w: the series ended while they were asked for", scaling.ErrNoData)
	default:
		return nil, fmt.Errorf("%w: the newest sample is %.3g s old, the limit is %v", scaling.ErrStale, youngest, limit)
	}
}
