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
	vector, err := c.vector(ctx, query)
	if err != nil {
		return nil, err
	}
	samples := make(map[string]scaling.Sample, len(vector))
	for _, s := range vector {
		pod := s.Metric.Pod
		if pod == "" {
			return nil, fmt.Errorf("%w: %s: a series has no label pod", scaling.ErrInvalid, query)
		}
		if _, twice := samples[pod]; twice {
			return nil, fmt.Errorf("%w: %s: two series for pod %s", scaling.ErrInvalid, query, pod)
		}
		if !possible(s.Value.value) {
			return nil, fmt.Errorf("%w: %s: pod %s has %v", scaling.ErrInvalid, query, pod, s.Value.value)
		}
		samples[pod] = scaling.Sample{Value: s.Value.value, At: s.Value.at}
	}
	return samples, nil
}

// Value runs an instant query that answers with one series. The error wraps what ByPod's does.
func (c *Client) Value(ctx context.Context, query string) (float64, error) {
	vector, err := c.vector(ctx, query)
	if err != nil {
		return 0, err
	}
	if len(vector) > 1 {
		return 0, fmt.Errorf("%w: %s: %d series, not one", scaling.ErrInvalid, query, len(vector))
	}
	value := vector[0].Value.value
	if !possible(value) {
		return 0, fmt.Errorf("%w: %s: %v", scaling.ErrInvalid, query, value)
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
