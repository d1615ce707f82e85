package prom

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"resnet-autoscaling/internal/scaling"
)

// pointsAsked is how many points one range query asks for; Prometheus refuses more than 11,000.
const pointsAsked = 10_000

// Range is the values of a query that answers with one series, at each step of so long a time until another, oldest first; not a number
// where there was none. The error wraps what ByPod's does.
func (c *Client) Range(ctx context.Context, query string, until time.Time, long, step time.Duration) ([]float64, error) {
	steps := int(long / step)
	values := make([]float64, 0, steps)
	for asked := 0; asked < steps; {
		n := min(pointsAsked, steps-asked)
		from := until.Add(-time.Duration(steps-asked-1) * step)
		part, err := c.rangeOf(ctx, query, from, n, step)
		if err != nil {
			return nil, err
		}
		values = append(values, part...)
		asked += n
	}
	for _, v := range values {
		if !math.IsNaN(v) {
			return values, nil
		}
	}
	return nil, fmt.Errorf("%w: %s: in the last %v", scaling.ErrNoData, query, long)
}

// rangeOf is one query's answer: n values from a time on.
func (c *Client) rangeOf(ctx context.Context, query string, from time.Time, n int, step time.Duration) ([]float64, error) {
	all, err := c.ask(ctx, "query_range", url.Values{
		"query": {query}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
		"start": {seconds(from)}, "end": {seconds(from.Add(time.Duration(n-1) * step))},
	}, matrix)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		return nil, invalid(query, "%d series, not one", len(all))
	}
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	for _, series := range all {
		for _, p := range series.Values {
			if i := int((p.at.Sub(from) + step/2) / step); i >= 0 && i < n && possible(p.value) {
				values[i] = p.value
			}
		}
	}
	return values, nil
}

// seconds is a time as the API takes it, to the millisecond that Prometheus keeps.
func seconds(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', -1, 64)
}
