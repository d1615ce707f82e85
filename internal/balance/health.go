package balance

import "time"

// Health rules: how many failures in a row set a replica aside, for how long at first, and at most; and how long one that was
// full, or failed, is left alone, likewise.
const (
	failuresToEject = 3
	firstEjection   = time.Second
	longestEjection = 30 * time.Second
	firstPause      = 10 * time.Millisecond
	longestPause    = time.Second
)

// pause leaves a replica alone for a moment, longer each time.
func (r *replica) pause(now time.Time) {
	r.pausedUntil = now.Add(min(longestPause, firstPause<<min(r.pauses, 10)))
	r.pauses++
}

// eject sets a replica aside, for longer each time.
func (r *replica) eject(now time.Time) {
	r.ejectedUntil = now.Add(min(longestEjection, firstEjection<<min(r.ejections, 10)))
	r.ejections++
	r.failures, r.proven, r.ejected, r.asked = 0, 1, true, false
}

// mayEject tells whether enough others are left.
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

// keepOne keeps the pool from having no replica at all: where those that were well have gone, the one that has been away longest is tried.
func (p *Pool) keepOne(now time.Time) {
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
