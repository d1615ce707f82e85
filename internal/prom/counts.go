package prom

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/common/model"
)

// Counts are the samples of counters as they were scraped in a window up to now, by the label pod. They are dated by Prometheus' clock;
// Clock tells what it says now. The error wraps what ByPod's does.
func (c *Client) Counts(ctx context.Context, series string, window time.Duration) ([]scaling.Count, error) {
	query := fmt.Sprintf("%s[%s]", series, model.Duration(window))
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	a, err := c.ask(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", scaling.ErrFailed, query, err)
	}
	var matrix []struct {
		Metric struct{ Pod string }
		Values []point
	}
	if err := json.Unmarshal(a.Data.Result, &matrix); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", scaling.ErrFailed, query, err)
	}
	if len(matrix) == 0 {
		return nil, fmt.Errorf("%w: %s", scaling.ErrNoData, query)
	}
	seen := map[string]bool{}
	counts := make([]scaling.Count, 0, len(matrix))
	for _, m := range matrix {
		pod := m.Metric.Pod
		switch {
		case pod == "":
			return nil, fmt.Errorf("%w: %s: a series has no label pod", scaling.ErrInvalid, query)
		case seen[pod]:
			return nil, fmt.Errorf("%w: %s: two series for pod %s", scaling.ErrInvalid, query, pod)
		}
		seen[pod] = true
		count := scaling.Count{Name: pod, Samples: make([]scaling.Sample, len(m.Values))}
		for i, v := range m.Values {
			count.Samples[i] = scaling.Sample{Value: v.value, At: v.at}
		}
		counts = append(counts, count)
	}
	return counts, nil
}

// Clock is the time by Prometheus' own clock, which may differ from ours.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	vector, err := c.vector(ctx, "vector(time())")
	if err != nil {
		return time.Time{}, err
	}
	return vector[0].Value.at, nil
}
