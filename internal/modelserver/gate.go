package modelserver

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/resnet"
)

// station is a Station and its memory, which it keeps from picture to picture.
type station struct {
	Station
	pixels  picture.Pixels
	resizer resnet.Resizer
}

// gate admits a bounded number of requests, and hands out the stations and the right to inference in the order of asking.
type gate struct {
	admitted atomic.Int64
	limit    int64
	occupied occupancy
	stations chan *station
	slots    chan struct{}
	metrics  *metrics
}

func newGate(o Options, m *metrics) *gate {
	g := &gate{
		limit:    int64(o.Slots * (1 + o.Queue)),
		occupied: occupancy{slots: o.Slots},
		stations: make(chan *station, len(o.Stations)),
		slots:    make(chan struct{}, o.Slots),
		metrics:  m,
	}
	for _, s := range o.Stations {
		g.stations <- &station{Station: s}
	}
	return g
}

// admit takes a place; leave gives it back. A full queue is an answer at once: another replica may be free now.
func (g *gate) admit() (leave func(), err error) {
	if n := g.admitted.Add(1); n > g.limit {
		g.admitted.Add(-1)
		p := api.NewProblem(http.StatusServiceUnavailable, "queue-full",
			"%d requests are being worked on or wait already: try again, or send it to another replica", g.limit)
		p.RetryAfter = time.Second
		return nil, p
	}
	g.metrics.queue.Inc()
	g.occupied.came()
	return func() { g.metrics.queue.Dec(); g.occupied.went(); g.admitted.Add(-1) }, nil
}

// station waits for a station.
func (g *gate) station(ctx context.Context) (s *station, release func(), err error) {
	select {
	case s = <-g.stations:
		return s, func() { g.stations <- s }, nil
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

// slot waits for the right to inference.
func (g *gate) slot(ctx context.Context) (release func(), err error) {
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	g.metrics.queue.Dec()
	g.metrics.inFlight.Inc()
	return func() {
		g.metrics.inFlight.Dec()
		g.metrics.queue.Inc()
		<-g.slots
	}, nil
}
