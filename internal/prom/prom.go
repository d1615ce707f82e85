// Package prom is the edge to Prometheus: a query, and what its answer means. A value, no data, stale and failed are four different
// things.
package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"

	promapi "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Client asks one Prometheus. It may be used from any goroutine.
type Client struct {
	api     promv1.API
	timeout time.Duration
}

// New is a client for the Prometheus at base. timeout bounds each query, on both sides.
func New(base *url.URL, client *http.Client, timeout time.Duration) (*Client, error) {
	c, err := promapi.NewClient(promapi.Config{Address: base.String(), Client: client})
	if err != nil {
		return nil, fmt.Errorf("client for Prometheus at %s: %w", base.Redacted(), err)
	}
	return &Client{api: promv1.NewAPI(c), timeout: timeout}, nil
}

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
		pod := string(s.Metric["pod"])
		if pod == "" {
			return nil, fmt.Errorf("%w: %s: a series has no label pod: %v", scaling.ErrInvalid, query, s.Metric)
		}
		if _, twice := samples[pod]; twice {
			return nil, fmt.Errorf("%w: %s: two series for pod %s", scaling.ErrInvalid, query, pod)
		}
		value := float64(s.Value)
		if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
			return nil, fmt.Errorf("%w: %s: pod %s has %v", scaling.ErrInvalid, query, pod, value)
		}
		samples[pod] = scaling.Sample{Value: value, At: s.Timestamp.Time()}
	}
	return samples, nil
}

func (c *Client) vector(ctx context.Context, query string) (model.Vector, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// No time is sent: the answer is of now, by Prometheus' clock, which may differ from ours.
	value, _, _, err := c.api.Query(ctx, query, time.Time{}, promv1.WithTimeout(c.timeout))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", scaling.ErrFailed, query, explain(err))
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("%w: %s: the answer is a %s, not a vector", scaling.ErrInvalid, query, value.Type())
	}
	if len(vector) == 0 {
		return nil, fmt.Errorf("%w: %s", scaling.ErrNoData, query)
	}
	return vector, nil
}

// explain keeps the part of a client's error that helps.
func explain(err error) error {
	var e *promv1.Error
	if errors.As(err, &e) && e.Detail != "" {
		return fmt.Errorf("%w: %.200s", err, e.Detail)
	}
	return err
}

// RecentByPod is ByPod for a query over series, whose samples are dated by the newest one of the pod's series, and leaves out pods
// where that is older than limit. The error wraps scaling.ErrStale where none is left. All is by Prometheus' own clock.
func (c *Client) RecentByPod(ctx context.Context, query, series string, limit time.Duration) (map[string]scaling.Sample, error) {
	var samples, ages map[string]scaling.Sample
	var err, ageErr error
	var asking sync.WaitGroup
	asking.Go(func() { samples, err = c.ByPod(ctx, query) })
	asking.Go(func() { ages, ageErr = c.ByPod(ctx, fmt.Sprintf("time() - max by (pod) (timestamp(%s))", series)) })
	asking.Wait()
	switch {
	case err != nil:
		return nil, err
	case ageErr != nil:
		return nil, fmt.Errorf("age of the samples: %w", ageErr)
	}
	return fresh(samples, ages, limit)
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
