// Package balance decides which replica gets the next request. A replica has a credit for each of its slots; a request takes one and
// gives it back, so no replica queues while another idles. Replicas that fail are set aside and tried again later.
//
// Nothing here keeps time or locks: now is an argument, and one goroutine at a time may use a Pool.
package balance

import (
	"cmp"
	"slices"
	"time"
)

// Endpoint is where a replica can be reached, as discovery sees it.
type Endpoint struct {
	Name string // unique: the pod's name, or the URL itself
	URL  string // scheme, host and port
	// Serving is false while it is not ready, or is shutting down: it gets no new requests and finishes what it has.
	Serving bool
}

// State is where a replica stands.
type State string

// The states. Connecting: its slots are not known yet.
const (
	Connecting State = "connecting"
	Ready      State = "ready"
	Ejected    State = "ejected"
	Draining   State = "draining"
)

// Health rules: how many failures in a row set a replica aside, for how long at first, and at most.
const (
	failuresToEject = 3
	firstEjection   = time.Second
	longestEjection = 30 * time.Second
)

// latencyWeight is the weight of the newest answer in a replica's moving average.
const latencyWeight = 0.2

type replica struct {
	endpoint Endpoint
	slots    int // 0: not known yet
	capacity float64
	inFlight int
	latency  time.Duration // moving average; 0: no answer yet
	gone     bool          // discovery dropped it; kept until its last request is back

	failures     int // in a row
	ejections    int // in a row
	ejectedUntil time.Time
}

// Pool is the replicas and their credits.
type Pool struct {
	replicas map[string]*replica
}

// NewPool makes an empty pool.
func NewPool() *Pool { return &Pool{replicas: map[string]*replica{}} }

// SetEndpoints takes in what discovery sees now. Replicas that it no longer lists drain.
func (p *Pool) SetEndpoints(endpoints []Endpoint) {
	listed := map[string]bool{}
	for _, e := range endpoints {
		listed[e.Name] = true
		r, known := p.replicas[e.Name]
		if !known || r.endpoint.URL != e.URL {
			r = &replica{}
			p.replicas[e.Name] = r
		}
		r.endpoint, r.gone = e, false
	}
	for name, r := range p.replicas {
		if !listed[name] {
			r.gone = true
			p.forget(r)
		}
	}
}

// forget drops a replica that discovery dropped once nothing is in flight at it.
func (p *Pool) forget(r *replica) {
	if r.gone && r.inFlight == 0 && p.replicas[r.endpoint.Name] == r {
		delete(p.replicas, r.endpoint.Name)
	}
}

// Learn notes what a replica says of itself: how many requests it runs at once, and its capacity in pictures per second.
func (p *Pool) Learn(name string, slots int, capacity float64) {
	if r, ok := p.replicas[name]; ok {
		r.slots, r.capacity = slots, capacity
	}
}

func (r *replica) state(now time.Time) State {
	switch {
	case r.gone || !r.endpoint.Serving:
		return Draining
	case r.slots == 0:
		return Connecting
	case now.Before(r.ejectedUntil):
		return Ejected
	}
	return Ready
}

// credits is how many more requests a replica may be given. One that comes back from being set aside proves itself with one.
func (r *replica) credits(now time.Time) int {
	if r.state(now) != Ready {
		return 0
	}
	if r.ejections > 0 {
		return min(1, r.slots) - r.inFlight
	}
	return r.slots - r.inFlight
}

// Grant is one credit taken. Exactly one of its methods must be called, once, when the request is over.
type Grant struct {
	pool    *Pool
	replica *replica
}

// Name is the replica's name.
func (g *Grant) Name() string { return g.replica.endpoint.Name }

// URL is where to send the request.
func (g *Grant) URL() string { return g.replica.endpoint.URL }

// Pick takes a credit of the replica that is least occupied, and of those the one that answers fastest; avoid names replicas that this
// request has tried. ok is false when no credit is free.
func (p *Pool) Pick(now time.Time, avoid map[string]bool) (g *Grant, ok bool) {
	var best *replica
	for _, r := range p.replicas {
		if r.credits(now) <= 0 || avoid[r.endpoint.Name] {
			continue
		}
		if best == nil || r.before(best) {
			best = r
		}
	}
	if best == nil {
		return nil, false
	}
	best.inFlight++
	return &Grant{pool: p, replica: best}, true
}

func (r *replica) before(other *replica) bool {
	return cmp.Or(
		cmp.Compare(r.inFlight*other.slots, other.inFlight*r.slots),
		cmp.Compare(r.latency, other.latency),
		cmp.Compare(r.endpoint.Name, other.endpoint.Name),
	) < 0
}

func (g *Grant) giveBack() {
	g.replica.inFlight--
	g.pool.forget(g.replica)
}

// Answered gives the credit back after an answer that took latency.
func (g *Grant) Answered(latency time.Duration) {
	r := g.replica
	r.failures, r.ejections = 0, 0
	r.note(latency)
	g.giveBack()
}

// Neutral gives the credit back where the request says nothing about the replica: the caller left, or the replica was full.
func (g *Grant) Neutral() { g.giveBack() }

// Failed gives the credit back after a failure of the replica's. It counts as an answer as slow as patience, the time the request would
// have waited: a replica that fails fast must not look fast. Failures in a row set the replica aside, for longer each time, but never
// more than half of the replicas, and never the last.
func (g *Grant) Failed(now time.Time, patience time.Duration) {
	r := g.replica
	r.failures++
	r.note(patience)
	if (r.failures >= failuresToEject || r.ejections > 0) && g.pool.mayEject(now, r) {
		r.ejections++
		r.failures = 0
		r.ejectedUntil = now.Add(min(longestEjection, firstEjection<<min(r.ejections-1, 10)))
	}
	g.giveBack()
}

func (r *replica) note(latency time.Duration) {
	if r.latency == 0 {
		r.latency = latency
		return
	}
	r.latency += time.Duration(latencyWeight * float64(latency-r.latency))
}

func (p *Pool) mayEject(now time.Time, candidate *replica) bool {
	serving, ejected := 0, 0
	for _, r := range p.replicas {
		switch r.state(now) {
		case Ready:
			serving++
		case Ejected:
			serving++
			ejected++
		}
	}
	if candidate.state(now) == Ejected {
		return true // it is counted already
	}
	return 2*(ejected+1) <= serving
}

// Status is a replica as others see it.
type Status struct {
	Endpoint
	State    State
	Slots    int
	InFlight int
	Capacity float64
	Latency  time.Duration
}

// Status lists the replicas by name.
func (p *Pool) Status(now time.Time) []Status {
	list := make([]Status, 0, len(p.replicas))
	for _, r := range p.replicas {
		list = append(list, Status{
			Endpoint: r.endpoint, State: r.state(now), Slots: r.slots, InFlight: r.inFlight, Capacity: r.capacity, Latency: r.latency,
		})
	}
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// NextReturn is the next instant at which a replica comes back from being set aside; ok is false when none is.
func (p *Pool) NextReturn(now time.Time) (at time.Time, ok bool) {
	for _, r := range p.replicas {
		if r.state(now) == Ejected && (!ok || r.ejectedUntil.Before(at)) {
			at, ok = r.ejectedUntil, true
		}
	}
	return at, ok
}
