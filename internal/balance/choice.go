package balance

import (
	"cmp"
	"math"
	"time"
)

// quicker is by how much a replica must be quicker than another for it to matter: averages of few answers differ by chance.
const quicker = 1.5

// A Choice is a credit that is free, or will be by the time that the request is there, and whom it suits.
type Choice struct {
	replica *replica
	// Place is the first place in the line, from 1, for whom this replica is better than waiting for a quicker one that is busy now.
	Place int
	// Again is when to choose anew if the line is shorter than that, or there is no credit: the quicker ones may not come back, and one that
	// is about to end a request may be sent the next.
	Again time.Duration
}

// Name is the replica's name.
func (c Choice) Name() string { return c.replica.endpoint.Name }

// Choose finds the replica that would answer soonest, of those with a credit and not among skip. Of several that are about as quick it is
// the least loaded, then the one that other dispatchers use least, then the one that has rested longest: a replica under a CPU quota is
// slower when it has just worked.
//
// A slow replica is not used for the next request when that would be answered sooner by waiting for a quick one, but for one so far back
// in the line that it would not: as many requests may wait as the quick ones finish in the time that the slow one takes longer. (W. Lin and
// P. R. Kumar, Optimal control of a queueing system with two heterogeneous servers, 1984: the best policy has such a threshold.)
//
// ok is false when there is no credit.
func (p *Pool) Choose(now time.Time, skip map[string]bool) (c Choice, ok bool) {
	p.keepOne(now)
	p.free = p.free[:0]
	soonest := time.Duration(math.MaxInt64)
	for _, r := range p.all {
		if in, takes := r.takes(now); takes && !skip[r.endpoint.Name] {
			p.free = append(p.free, candidate{r, in})
			soonest = min(soonest, in)
		}
	}
	if len(p.free) == 0 {
		return Choice{Again: p.soonest(now)}, false
	}
	limit := time.Duration(quicker * float64(soonest))
	var best candidate
	for _, f := range p.free {
		if f.in <= limit && (best.replica == nil || f.before(best, now)) {
			best = f
		}
	}
	return p.placed(best, now), true
}

// candidate is a replica that takes a request, and in how long it would answer it.
type candidate struct {
	*replica
	in time.Duration
}

// before orders replicas that are about as quick.
func (c candidate) before(other candidate, now time.Time) bool {
	return cmp.Or(
		cmp.Compare(c.load(now, c.expected(now))*float64(other.slots), other.load(now, other.expected(now))*float64(c.slots)),
		cmp.Compare(c.sharing(now), other.sharing(now)),
		c.busy.Compare(other.busy),
		cmp.Compare(c.in, other.in),
	) < 0
}

// placed finds from which place in the line a replica is worth it.
func (p *Pool) placed(best candidate, now time.Time) Choice {
	slots, rate := 0, 0.0
	for _, other := range p.all {
		// Of one whose rate is not known nobody can say when it will be free.
		busy := other != best.replica && other.open(now) && other.credits(now) <= 0 && other.rate() > 0
		if busy && quicker*float64(other.expected(now)) < float64(best.in) {
			slots, rate = slots+other.slots, rate+other.rate()
		}
	}
	c := Choice{replica: best.replica, Place: 1}
	if rate > 0 {
		theirs := float64(slots) / rate // the mean time of an answer of theirs, in seconds
		c.Place = max(1, int(math.Ceil((best.in.Seconds()-theirs)*rate)))
		c.Again = time.Duration(theirs / 2 * float64(time.Second))
	}
	return c
}
