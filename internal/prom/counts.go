package prom

import (
	"context"
	"fmt"
	"time"

	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/common/model"
)

// Counts are the samples of counters as they were scraped in a window up to now, by the label pod. They are dated by Prometheus' clock;
// Clock tells what it says now. The error wraps what ByPod's does.
func (c *Client) Counts(ctx context.Context, series string, window time.Duration) ([]scaling.Count, error) {
	query := fmt.Sprintf("%s[%s]", series, model.Duration(window))
	all, err := c.instant(ctx, query, matrix)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	counts := make([]scaling.Count, 0, len(all))
	for _, m := range all {
		pod := m.Metric.Pod
		if err := checkPod(query, pod, seen[pod]); err != nil {
			return nil, err
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
	now, err := c.instant(ctx, "vector(time())", vector)
	if err != nil {
		return time.Time{}, err
	}
	return now[0].Value.at, nil
}
