package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/common/model"
)

const (
	recordKept = 7*time.Hour + 10*time.Minute // what the policy looks for growth that comes again in
	seasonKept = 29 * 24 * time.Hour
	seasonStep = time.Minute
	recallWait = 20 * time.Second // for history, which no tick waits for
)

// History answers queries of long ago. They take longer than a tick may.
type History interface {
	// Range is the values of a query with one series at each step of so long a time until another; not a number where there is none.
	Range(ctx context.Context, query string, until time.Time, long, step time.Duration) ([]float64, error)
}

// memory is the load over time, by Prometheus' clock: hours of it, in steps that each tick adds to, and weeks in minutes. Any goroutine
// may use it.
type memory struct {
	wanted chan struct{} // that something is to be looked up

	mu     sync.Mutex
	record scaling.Record
	step   time.Duration
	season scaling.Season
}

func newMemory() *memory { return &memory{wanted: make(chan struct{}, 1)} }

// take adds what a tick saw, and is what is known with it.
func (m *memory) take(l scaling.Load, step time.Duration) ([]float64, scaling.Season) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if step != m.step {
		m.record, m.step = scaling.Record{}, step
	}
	if m.record.Gap(l, step) {
		m.want()
	}
	m.record = m.record.Followed(l, step, int(recordKept/step))
	return m.record.Rates, m.season
}

// want has history looked up; asked for twice, it is once.
func (m *memory) want() {
	select {
	case m.wanted <- struct{}{}:
	default:
	}
}

// known is the time that the record is of, and its steps; 0: no tick has seen anything.
func (m *memory) known() (begin, end time.Time, step time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	end = m.record.End
	return end.Add(-time.Duration(len(m.record.Rates)) * m.step), end, m.step
}

// recalled takes in what was before.
func (m *memory) recalled(older scaling.Record, step time.Duration, season scaling.Season) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if step == m.step {
		m.record = m.record.After(older, step)
	}
	if !season.At.IsZero() {
		m.season = season
	}
}

// recallLoop looks history up when it is wanted, and the days anew every hour, until ctx ends.
func (s *Service) recallLoop(ctx context.Context) {
	const again, soon = time.Hour, time.Minute
	for next := again; ; {
		select {
		case <-ctx.Done():
			return
		case <-s.memory.wanted:
		case <-time.After(next):
		}
		next = again
		if err := s.recall(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("the load of the past is not known; forecasts do without it", "error", err, "again_in", soon)
			next = soon
		}
	}
}

// recall looks up the load before what ticks saw. That there was none is no error.
func (s *Service) recall(ctx context.Context) error {
	begin, end, step := s.memory.known()
	if step == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recallWait)
	defer cancel()
	counted := s.series.arrivals
	if s.blind.Load() {
		counted = s.series.requests
	}
	var older scaling.Record
	var err error
	if lacks := recordKept - end.Sub(begin); lacks > step {
		// What was counted from step to step, by each counter that was there at both ends of it and did not begin anew. Looked at a second
		// after each scrape, none is missed that came a little late.
		apart := step.Seconds()
		query := fmt.Sprintf("sum(clamp_min(%s - %s offset %gs, 0)) / %g", counted, counted, apart, apart)
		older.End = begin
		older.Rates, err = s.o.History.Range(ctx, query, begin.Add(time.Second), lacks.Truncate(step), step)
	}
	season := scaling.Season{At: end}
	var seasonErr error
	season.Minutes, seasonErr = s.o.History.Range(ctx, fmt.Sprintf("sum(rate(%s[%s]))", counted, model.Duration(max(seasonStep, 4*step))), end, seasonKept, seasonStep)
	if season.Minutes = sinceKnown(season.Minutes); seasonErr != nil {
		season = scaling.Season{}
	}
	s.memory.recalled(older, step, season)
	return errors.Join(unlessNone(err), unlessNone(seasonErr))
}

// sinceKnown leaves out what was before anything was measured.
func sinceKnown(values []float64) []float64 {
	first := slices.IndexFunc(values, func(v float64) bool { return !math.IsNaN(v) })
	return values[max(0, first):]
}

func unlessNone(err error) error {
	if errors.Is(err, scaling.ErrNoData) {
		return nil
	}
	return err
}
