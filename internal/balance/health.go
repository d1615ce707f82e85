package balance

import (
	"slices"
	"time"
)

// Health rules: how many failures in a row set a replica aside, for how long at first, and at most; and how long one that was
// full, or failed, is left alone, likewise.
const (
	failuresToEject = 3
	firstEjection   = time.Second
	longestEjection = 30 * time.Second
	firstPause      = 10 * time.Millisecond
	longestPause    = time.Second
)

// Patience rules, where the operator sets none: a replica may take four times its own 99th percentile, at least a second.
const (
	leastPatience  = time.Second
	tailsPatience  = 4
	unknownPatient = 20 // times what it says of itself, while too few answers are known for a percentile
)

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

func (r *replica) pause(now time.Time) {
	r.pausedUntil = now.Add(min(longestPause, firstPause<<min(r.pauses, 10)))
	r.pauses++
}

// Failed gives the credit back after a failure of the replica's. It is left alone for a moment, and the failure counts as an answer as slow as patience allows at least: a replica
// that fails fast must not look fast. Failures in a row set the replica aside, for longer each time, but never more than half of the
// replicas, and never the last.
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

func (r *replica) eject(now time.Time) {
	r.ejectedUntil = now.Add(min(longestEjection, firstEjection<<min(r.ejections, 10)))
	r.ejections++
	r.failures, r.proven, r.ejected, r.asked = 0, 1, true, false
}

func (p *Pool) mayEject(candidate *replica) bool {
	serving, ejected := 0, 0
	for _, r := range p.all {
		switch r.state() {
		case Ready:
			serving++
		case Ejected:
			serving++
			ejected++
		}
	}
	return candidate.state() == Ready && 2*(ejected+1) <= serving
}

// never leaves no replica at all: where those that were well have gone, the one that has been away longest is tried.
func (p *Pool) never(now time.Time) {
	var first *replica
	for _, r := range p.all {
		switch r.state() {
		case Ready:
			return
		case Ejected:
			if first == nil || r.ejectedUntil.Before(first.ejectedUntil) {
				first = r
			}
		}
	}
	if first != nil {
		first.ejected, first.pausedUntil = false, now
	}
}

// Due lists the replicas that were set aside and whose time is over. Each is to be asked whether it is well, and Asked to be told; until
// then it is not listed again.
func (p *Pool) Due(now time.Time) (due []Endpoint) {
	for _, r := range p.all {
		if r.state() == Ejected && !r.asked && !now.Before(r.ejectedUntil) {
			r.asked = true
			due = append(due, r.endpoint)
		}
	}
	return due
}

// Asked tells how a replica that was due answered. One that is well proves itself with one request; the other stays away, for longer.
func (p *Pool) Asked(e Endpoint, well bool, now time.Time) {
	r, ok := p.byName[e.Name]
	switch {
	case !ok || r.endpoint.URL != e.URL || !r.ejected:
	case well:
		r.ejected, r.pausedUntil = false, now
	default:
		r.eject(now)
	}
}

// Next is the next instant at which a replica is due, or has been left alone for long enough; ok is false when there is none.
func (p *Pool) Next(now time.Time) (at time.Time, ok bool) {
	sooner := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	for _, r := range p.all {
		switch {
		case r.state() == Ejected && !r.asked:
			sooner(r.ejectedUntil)
		case r.state() == Ready && now.Before(r.pausedUntil):
			sooner(r.pausedUntil)
		}
	}
	return at, ok
}
