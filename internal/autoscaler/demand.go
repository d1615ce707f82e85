package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"

	"github.com/prometheus/common/model"
)

const (
	// loadWindow is how far back each tick looks at what the dispatchers counted: far enough to bridge ticks that failed.
	loadWindow = 2 * time.Minute
	// shortestStep is that of the load over time; where Prometheus scrapes less often, it is as long as that takes.
	shortestStep = 5 * time.Second
	// forgotten is how long ago the last dispatcher must have been seen before requests that were answered pass for the load.
	forgotten = time.Hour
	// slowly is how often what hardly changes is asked for; each answer takes Prometheus a look at every replica.
	slowly = 30 * time.Second
)

// figure is a number that was asked for.
type figure struct {
	value float64
	err   error
}

// heard is what Prometheus says of the load and of what replicas can do about it.
type heard struct {
	clock              time.Time
	clockErr           error
	arrivals, answered []scaling.Count // by the dispatchers
	arrivalsErr        error
	waiting, queued    figure // requests, in the dispatchers' queues and in those of the replicas
	capacity           figure // pictures per second and replica
	rarely

	served, servers figure // requests per second that replicas answered, and how many of those told; only where there is no dispatcher
	perCore         figure // requests that a core answers per second; only where no replica measured its capacity
}

// rarely is what hardly changes.
type rarely struct {
	away     figure // dispatchers that cannot be scraped, for longer than the load itself tells
	pictures figure // per request
	slots    figure // per replica
}

// listen asks for everything at once. None of it grows with the replicas: sums and means are Prometheus' work.
func (s *Service) listen(ctx context.Context, now time.Time) heard {
	var h heard
	var asking sync.WaitGroup
	ask := func(into *figure, query string) {
		asking.Go(func() { into.value, into.err = s.o.Prometheus.Value(ctx, query) })
	}
	asking.Go(func() { h.clock, h.clockErr = s.o.Prometheus.Clock(ctx) })
	asking.Go(func() { h.arrivals, h.arrivalsErr = s.o.Prometheus.Counts(ctx, s.series.arrivals, loadWindow) })
	asking.Go(func() {
		// Without it a replica is taken at its own word.
		h.answered, _ = s.o.Prometheus.Counts(ctx, s.series.answered, loadWindow)
	})
	ask(&h.waiting, fmt.Sprintf("sum(%s)", s.series.waiting))
	ask(&h.queued, fmt.Sprintf("sum(%s)", s.series.queued))
	ask(&h.capacity, fmt.Sprintf("avg(%s > 0)", s.series.capacity))
	h.rarely = s.lately
	due := now.Sub(s.asked) >= slowly
	if due {
		s.askRarely(ask, &h.rarely)
	}
	asking.Wait()
	if due && !unheard(h.away, h.pictures, h.slots) {
		s.lately, s.asked = h.rarely, now
	}
	s.listenCloser(ctx, &h)
	return h
}

func (s *Service) askRarely(ask func(*figure, string), h *rarely) {
	window := model.Duration(s.o.RateWindow)
	ask(&h.away, fmt.Sprintf("count(%s == 0 and on (job) group by (job) (last_over_time(%s[5m])))", s.series.up, s.series.arrivals))
	ask(&h.slots, fmt.Sprintf("avg(%s > 0)", s.series.slots))
	ask(&h.pictures, fmt.Sprintf("sum(rate(%s[%s])) / (sum(rate(%s[%s])) > 0)", s.series.pictures, window, s.series.ok, window))
}

// unanswered is how many questions got no answer.
func (h heard) unanswered() (n int) {
	for _, err := range []error{
		h.clockErr, h.arrivalsErr, h.away.err, h.waiting.err, h.queued.err, h.capacity.err, h.pictures.err, h.slots.err, h.served.err, h.servers.err, h.perCore.err,
	} {
		if errors.Is(err, scaling.ErrFailed) {
			n++
		}
	}
	return n
}

// listenCloser asks for what is needed only where something is missing.
func (s *Service) listenCloser(ctx context.Context, h *heard) {
	if errors.Is(h.arrivalsErr, scaling.ErrNoData) {
		h.served, h.servers = s.answeredAlone(ctx)
	}
	if errors.Is(h.capacity.err, scaling.ErrNoData) { // no replica, or none that measures itself
		h.capacity.value, h.capacity.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("avg(last_over_time(%s[%s]) > 0)", s.series.capacity, model.Duration(forgotten)))
	}
	if errors.Is(h.capacity.err, scaling.ErrNoData) {
		window := model.Duration(s.o.CPUWindow)
		h.perCore.value, h.perCore.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("sum(rate(%s[%s])) / (sum(max by (pod) (rate(%s[%s]))) > 0.05)",
			s.series.requests, window, s.series.cpu, window))
	}
}

// answeredAlone is how many requests per second replicas answer, where nobody counts what is offered. A dispatcher that was there not
// long ago counts, wherever it is now: what it saw must not be mistaken for nothing.
func (s *Service) answeredAlone(ctx context.Context) (served, servers figure) {
	if was, err := s.o.Prometheus.Value(ctx, fmt.Sprintf("count(last_over_time(%s[%s]))", s.series.arrivals, model.Duration(forgotten))); err == nil {
		served.err = fmt.Errorf("%w on the load: %.0f dispatchers told of it within the last %v, and none does now", scaling.ErrStale, was, forgotten)
		return served, servers
	} else if !errors.Is(err, scaling.ErrNoData) {
		served.err = err
		return served, servers
	}
	window := model.Duration(s.o.RateWindow / 2)
	served.value, served.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("sum(rate(%s[%s]))", s.series.requests, window))
	servers.value, servers.err = s.o.Prometheus.Value(ctx, fmt.Sprintf("count(sum by (pod) (rate(%s[%s])))", s.series.requests, window))
	return served, servers
}

// demand makes of what was heard at a time what the policy looks at.
func (s *Service) demand(h heard, fleet scaling.Fleet, now time.Time) scaling.Demand {
	s.starts.See(fleet.Pods)
	d := scaling.Demand{StartTime: s.starts.Usual()}
	d.Waiting = h.waiting.value + h.queued.value
	if h.slots.err == nil {
		s.lastSlots = int(h.slots.value + 0.5)
	}
	d.Slots = max(1, s.lastSlots)
	d.Capacity, d.Err = s.capacity(h, fleet)
	load, step, err := s.load(h, fleet)
	if err != nil {
		d.Err = err
		return d
	}
	d.Step, d.Partial, d.Served = step, load.Partial || h.away.value > 0 || unheard(h.away, h.waiting, h.queued), h.arrivalsErr != nil
	s.blind.Store(d.Served)
	d.Answering = load.Rates[len(load.Rates)-1]
	if !d.Served {
		d.Answering = s.answering(h, step)
	}
	// By our clock, whatever Prometheus' says.
	skew := now.Sub(h.clock)
	d.At, d.Skew = load.At.Add(skew), skew
	d.Rates, d.Season = s.memory.take(load, step)
	if !d.Season.At.IsZero() {
		d.Season.At = d.Season.At.Add(skew)
	}
	return d
}

// unheard tells whether an answer is missing; that there was nothing to tell is one.
func unheard(figures ...figure) bool {
	for _, f := range figures {
		if f.err != nil && !errors.Is(f.err, scaling.ErrNoData) {
			return true
		}
	}
	return false
}

// load is what the dispatchers counted of late, or else what replicas answered.
func (s *Service) load(h heard, fleet scaling.Fleet) (scaling.Load, time.Duration, error) {
	if h.clockErr != nil {
		return scaling.Load{}, 0, fmt.Errorf("clock of Prometheus: %w", h.clockErr)
	}
	step := max(shortestStep, scaling.ScrapedEvery(h.arrivals))
	if h.arrivalsErr == nil {
		load, err := scaling.LoadOf(h.arrivals, step, h.clock, s.o.StaleAfter)
		return load, step, err
	}
	if !errors.Is(h.arrivalsErr, scaling.ErrNoData) {
		return scaling.Load{}, 0, h.arrivalsErr
	}
	if h.served.err != nil {
		return scaling.Load{}, 0, h.served.err
	}
	settled := 0
	for _, p := range fleet.Pods {
		if p.Ready && h.clock.Sub(p.Since) > s.o.RateWindow {
			settled++
		}
	}
	return scaling.Load{Rates: []float64{h.served.value}, At: h.clock, Partial: int(h.servers.value) < settled}, step, nil
}

// answering is how many requests per second the dispatchers got answers to in the last step; 0: not known.
func (s *Service) answering(h heard, step time.Duration) float64 {
	answered, err := scaling.LoadOf(h.answered, step, h.clock, s.o.StaleAfter)
	if err != nil || answered.Partial {
		return 0
	}
	return answered.Rates[len(answered.Rates)-1]
}

// capacity is the requests per second that a replica can answer: as they measured themselves, or else by the CPU that a request takes of
// what a replica may use; and while nobody tells, as it was.
func (s *Service) capacity(h heard, fleet scaling.Fleet) (float64, error) {
	switch {
	case h.capacity.err == nil:
		s.lastCapacity = h.capacity.value
		if h.pictures.err == nil && h.pictures.value > 0 {
			s.lastCapacity /= h.pictures.value
		}
	case !errors.Is(h.capacity.err, scaling.ErrNoData):
		return s.lastCapacity, fmt.Errorf("capacity of the replicas: %w", h.capacity.err)
	case h.perCore.err == nil && len(fleet.CPURequests) > 0:
		cores := 0.0
		for _, c := range fleet.CPURequests {
			cores += c / float64(len(fleet.CPURequests))
		}
		s.lastCapacity = h.perCore.value * cores
	}
	return s.lastCapacity, nil
}
