package balance

import "time"

// A replica that has answered does nothing until the answer has come here and the next request has gone there. So, while requests wait, the
// next one is sent a little before the one that is there is likely to end; the replica holds it until then. Sent much earlier it might wait
// behind a request that takes long, while another replica idles.
const (
	// aheadShare is how much earlier, as a share of what the replica usually takes; within bounds, since the way does not grow with that.
	aheadShare    = 0.2
	shortestAhead = 500 * time.Microsecond
	longestAhead  = 5 * time.Millisecond
	// overdue is the share of what it usually takes after which a request is not likely to end soon any more.
	overdue = 1.25
)

// endsIn is how long until the first of a replica's requests is likely to end. ok is false where that is not known: it has a credit left,
// the next request is there already, or it is not itself.
func (r *replica) endsIn(now time.Time) (in time.Duration, ok bool) {
	full := len(r.grants) == r.slots && len(r.grants) > 0
	itself := r.open(now) && r.latency > 0 && r.failures == 0 && r.ejections == 0 && !r.sharesNow(now)
	if !full || !itself {
		return 0, false
	}
	took := now.Sub(r.grants[0].start)
	if float64(took) > overdue*float64(r.latency) {
		return 0, false
	}
	return max(0, r.latency-took), true
}

// ahead is by how much the next request may go there before the one that is there ends.
func (r *replica) ahead() time.Duration {
	return min(max(time.Duration(aheadShare*float64(r.latency)), shortestAhead), longestAhead)
}

// takes tells whether a request may be sent to it, and in how long it would be answered: it has a credit free, or will have one by the time
// that the request is there.
func (r *replica) takes(now time.Time) (in time.Duration, ok bool) {
	if r.credits(now) > 0 {
		return r.answerIn(now), true
	}
	if in, ok = r.endsIn(now); !ok || in > r.ahead() {
		return 0, false
	}
	return r.expected(now) + in, true
}

// soonest is in how long a replica will take a request, if none ends before; 0: that is not known.
func (p *Pool) soonest(now time.Time) (in time.Duration) {
	for _, r := range p.all {
		if ends, ok := r.endsIn(now); ok {
			if wait := ends - r.ahead(); wait > 0 && (in == 0 || wait < in) {
				in = wait
			}
		}
	}
	return in
}
