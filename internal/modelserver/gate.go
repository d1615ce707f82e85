package modelserver

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
)

// gate admits a bounded number of requests, lets one more than there are slots decode at once, and hands out the slots in the order
// of asking.
type gate struct {
	admitted  atomic.Int64
	limit     int64
	decoders  chan struct{}
	slots     chan Slot
	slotCount int
	metrics   *metrics
}

func newGate(o Options, m *metrics) *gate {
	g := &gate{
		limit:     int64(len(o.Slots) * (1 + o.Queue)),
		decoders:  make(chan struct{}, len(o.Slots)+1),
		slots:     make(chan Slot, len(o.Slots)),
		slotCount: len(o.Slots),
		metrics:   m,
	}
	for _, s := range o.Slots {
		g.slots <- s
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
	return func() { g.metrics.queue.Dec(); g.admitted.Add(-1) }, nil
}

// decoder waits for the right to decode.
func (g *gate) decoder(ctx context.Context) (release func(), err error) {
	select {
	case g.decoders <- struct{}{}:
		return func() { <-g.decoders }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// slot waits for a slot.
func (g *gate) slot(ctx context.Context) (s Slot, release func(), err error) {
	select {
	case s = <-g.slots:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	g.metrics.queue.Dec()
	g.metrics.inFlight.Inc()
	return s, func() {
		g.metrics.inFlight.Dec()
		g.metrics.queue.Inc()
		g.slots <- s
	}, nil
}
