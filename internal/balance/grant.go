package balance

import (
	"slices"
	"time"
)

// Patience rules, where the operator sets none: a replica may take four times its own 99th percentile, at least a second.
const (
	leastPatience  = time.Second
	tailsPatience  = 4
	unknownPatient = 20 // times what it says of itself, while too few answers are known for a percentile
)

// Grant is one credit taken. Exactly one of its ends must be called, once, when the request is over.
type Grant struct {
	pool     *Pool
	replica  *replica
	endpoint Endpoint // as it was then: its holder reads it while the pool changes
	start    time.Time
}

// Take takes the credit.
func (p *Pool) Take(c Choice, now time.Time) *Grant {
	g := &Grant{pool: p, replica: c.replica, endpoint: c.replica.endpoint, start: now}
	c.replica.grants = append(c.replica.grants, g)
	c.replica.busy = now
	return g
}

// Name is the replica's name.
func (g *Grant) Name() string { return g.endpoint.Name }

// URL is where to send the request.
func (g *Grant) URL() string { return g.endpoint.URL }

// Patience is how long to wait for the replica's answer before the request is tried elsewhere, of the time that is left for it. A caller
// in a hurry is served as well as may be: half of its time is kept for another replica, if the replica usually needs less.
func (g *Grant) Patience(left time.Duration) time.Duration {
	usual := tailsPatience * g.replica.tail.p99
	if usual == 0 {
		if usual = unknownPatient * g.replica.nominal(); usual == 0 {
			return left
		}
	}
	patience := max(leastPatience, usual)
	if patience > left/2 {
		return max(left/2, usual)
	}
	return patience
}

// Answered gives the credit back after an answer that was complete at now.
func (g *Grant) Answered(now time.Time) {
	r, took := g.replica, now.Sub(g.start)
	r.failures, r.ejections, r.pauses = 0, 0, 0
	r.proven = min(max(r.proven+1, 1), max(r.slots, 1))
	r.note(took)
	r.tail.add(took)
	g.giveBack(now)
}

// Left gives the credit back where the caller left before the answer. It says nothing about the replica, unless that had had far longer
// than it usually takes: a replica that answers nobody in time must not look well because nobody stays to see it fail.
func (g *Grant) Left(now time.Time) {
	if usual := tailsPatience * g.replica.tail.p99; usual > 0 && now.Sub(g.start) > usual {
		g.Failed(now)
		return
	}
	g.giveBack(now)
}

// Full gives the credit back after the replica refused for overload. That is no failure, but it is left alone for a moment.
func (g *Grant) Full(now time.Time) {
	g.replica.pause(now)
	g.giveBack(now)
}

// Failed gives the credit back after a failure of the replica's. It is left alone for a moment, and the failure counts as an answer that was
// as slow as patience allows at least: a replica that fails fast must not look fast. Failures in a row set the replica aside, for longer
// each time, but never more than half of the replicas, and never the last.
func (g *Grant) Failed(now time.Time) {
	r := g.replica
	r.failures++
	r.pause(now)
	r.note(max(leastPatience, now.Sub(g.start)))
	if (r.failures >= failuresToEject || r.ejections > 0) && g.pool.mayEject(r) {
		r.eject(now)
	}
	g.giveBack(now)
}

// giveBack ends a grant, however it went.
func (g *Grant) giveBack(now time.Time) {
	r := g.replica
	r.busy = now
	i := slices.Index(r.grants, g)
	if i < 0 {
		panic("balance: a credit was given back twice")
	}
	r.grants = slices.Delete(r.grants, i, i+1)
	if len(r.grants) >= r.slots && i < r.slots { // the one that was sent ahead begins
		r.grants[len(r.grants)-1].start = now
	}
	g.pool.forget(r)
}
