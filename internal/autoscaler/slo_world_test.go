package autoscaler_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/autoscaler"
	"resnet-autoscaling/internal/scaling"
)

// world plays what Prometheus has scraped of dispatchers and replicas: a load since the world began, in the test's own time.
type world struct {
	mu          sync.Mutex
	begin       time.Time
	offered     func(at time.Duration) float64 // requests until then
	faults      map[string]error               // by a word of a query or a series
	values      map[string]float64             // the same, instead of what is usual
	asked       map[string]int
	desired     []float64 // what autoscalers said before
	skew        time.Duration
	minutes     []float64
	dispatchers int
	scraped     time.Time // until when; zero: until now
}

func (w *world) now() time.Time { return time.Now().Add(w.skew) }

// answer is the fault or the value that a query has.
func (w *world) answer(query string) (value float64, known bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[query]++
	for word, err := range w.faults {
		if strings.Contains(query, word) {
			return 0, true, err
		}
	}
	longest := ""
	for word := range w.values {
		if strings.Contains(query, word) && len(word) > len(longest) {
			longest = word
		}
	}
	value, known = w.values[longest]
	return value, known, nil
}

func (w *world) Value(_ context.Context, query string) (float64, error) {
	value, known, err := w.answer(query)
	if err == nil && !known {
		return 0, fmt.Errorf("%w: %s", scaling.ErrNoData, query)
	}
	return value, err
}

func (w *world) Clock(context.Context) (time.Time, error) {
	_, _, err := w.answer("clock")
	return w.now(), err
}

func (w *world) Counts(_ context.Context, series string, window time.Duration) ([]scaling.Count, error) {
	if _, _, err := w.answer(series); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dispatchers == 0 || strings.Contains(series, "dispatcher_requests_total") {
		return nil, fmt.Errorf("%w: %s", scaling.ErrNoData, series)
	}
	until := w.scraped
	if until.IsZero() {
		until = time.Now()
	}
	var counts []scaling.Count
	for i := range w.dispatchers {
		c := scaling.Count{Name: fmt.Sprintf("dispatcher-%d", i)}
		first := max(0, time.Since(w.begin)-window) / (5 * time.Second)
		for at := w.begin.Add(first*5*time.Second + 2*time.Second); !at.After(until); at = at.Add(5 * time.Second) {
			c.Samples = append(c.Samples, scaling.Sample{Value: w.offered(at.Sub(w.begin)) / float64(w.dispatchers), At: at.Add(w.skew)})
		}
		if c.Samples != nil {
			counts = append(counts, c)
		}
	}
	if counts == nil {
		return nil, fmt.Errorf("%w: %s", scaling.ErrNoData, series)
	}
	return counts, nil
}

func (w *world) Range(_ context.Context, query string, until time.Time, long, step time.Duration) ([]float64, error) {
	if _, _, err := w.answer(query); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case strings.Contains(query, "autoscaler_desired_replicas"):
		if w.desired == nil {
			return nil, scaling.ErrNoData
		}
		return w.desired, nil
	case step == time.Minute:
		if w.minutes == nil {
			return nil, scaling.ErrNoData
		}
		return w.minutes, nil
	}
	rates := make([]float64, long/step)
	for i := range rates {
		to := until.Add(-time.Duration(len(rates)-1-i) * step).Add(-w.skew).Sub(w.begin)
		rates[i] = math.NaN()
		if to > step {
			rates[i] = (w.offered(to) - w.offered(to-step)) / step.Seconds()
		}
	}
	return rates, nil
}

func (w *world) FreshByPod(context.Context, string, string, time.Duration) (map[string]scaling.Sample, error) {
	return nil, errors.New("policy slo asks for no pod's signals")
}

func (w *world) DatedByPod(ctx context.Context, query, series string, limit time.Duration) (map[string]scaling.Sample, error) {
	return w.FreshByPod(ctx, query, series, limit)
}

// at is a load that stays, from times on.
func at(rates ...float64) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		sum := 0.0
		for i := 0; i+1 < len(rates); i += 2 {
			from, until := rates[i], math.Inf(1)
			if i+2 < len(rates) {
				until = rates[i+2]
			}
			sum += rates[i+1] * max(0, min(t.Seconds(), until)-from)
		}
		return sum
	}
}

const minute = 60

// sloLoop is an autoscaler by policy slo in a world of its own, whose replicas answer 10 requests per second each.
func sloLoop(t *testing.T, offered func(time.Duration) float64, change func(*autoscaler.Options)) (loop, *world) {
	t.Helper()
	w := &world{
		begin: time.Now(), offered: offered, dispatchers: 1, asked: map[string]int{}, faults: map[string]error{},
		values: map[string]float64{"inference_capacity_rps": 10, "inference_slots": 1, "dispatcher_queue_length": 0, "inference_queue_length": 0},
	}
	l := newLoop(t, func(o *autoscaler.Options) {
		o.Policy = scaling.SLO{Min: 1, Max: 10, Latency: 300 * time.Millisecond, Interval: 5 * time.Second, QueueTimeout: 10 * time.Second, Tuning: scaling.DefaultTuning()}
		o.Prometheus, o.History = w, w
		if change != nil {
			change(o)
		}
	})
	return l, w
}

// runFor lets the loop tick for so long.
func (l loop) runFor(t *testing.T, long time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), long)
	defer stop()
	if err := l.Loop(ctx); err != nil {
		t.Fatal(err)
	}
}

func (l loop) last() scaling.Decision { return l.Account().Decisions[0] }
