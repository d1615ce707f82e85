package balance

import (
	"math"
	"slices"
	"time"
)

const (
	// latencyWeight is the weight of the newest answer in a replica's moving average.
	latencyWeight = 0.2
	// forgetting halves what a replica was slower than it says it is, for each of these that it has not been asked: else one that
	// nobody asks could never show that it is quick again.
	forgetting = 5 * time.Second
	// Likewise how much other dispatchers use a replica.
	sharedWeight     = 0.05
	sharedForgetting = time.Minute
)

type replica struct {
	endpoint Endpoint
	slots    int // 0: not known yet
	capacity float64
	gone     bool // discovery dropped it; kept until its last request is back

	grants   []*Grant      // in flight, the oldest first
	busy     time.Time     // when it last got or ended a request
	latency  time.Duration // moving average; 0: no answer yet
	tail     tail
	others   int // requests of other dispatchers, when it last said
	othersAt time.Time
	shared   float64 // how many of theirs it held for each slot, as a moving average

	proven       int // requests at once that it has shown to bear: a new one, or one that comes back, begins with one
	pausedUntil  time.Time
	pauses       int // in a row
	failures     int // in a row
	ejections    int // in a row
	ejected      bool
	ejectedUntil time.Time // then it is to be asked whether it is well
	asked        bool      // it is being asked
}

func (r *replica) state() State {
	switch {
	case r.gone || !r.endpoint.Serving:
		return Draining
	case r.slots == 0:
		return Connecting
	case r.ejected:
		return Ejected
	}
	return Ready
}

// open tells whether it takes requests at all now.
func (r *replica) open(now time.Time) bool { return r.state() == Ready && !now.Before(r.pausedUntil) }

// credits is how many more requests a replica may be given.
func (r *replica) credits(now time.Time) int {
	if !r.open(now) {
		return 0
	}
	return min(r.proven, r.slots) - len(r.grants)
}

// nominal is how long a request takes by what the replica says of itself; 0: it has not said.
func (r *replica) nominal() time.Duration {
	if r.capacity <= 0 {
		return 0
	}
	return time.Duration(float64(r.slots) / r.capacity * float64(time.Second))
}

// expected is how long a request that begins there now will take: as long as others did lately, and longer than those that are there
// have been already.
func (r *replica) expected(now time.Time) time.Duration {
	nominal := r.nominal()
	if r.latency == 0 {
		return r.atLeastOldest(now, nominal)
	}
	if excess := r.latency - nominal; excess > 0 && len(r.grants) == 0 {
		unasked := now.Sub(r.busy).Seconds() / forgetting.Seconds()
		return nominal + time.Duration(float64(excess)*math.Exp2(-max(0, unasked)))
	}
	return r.atLeastOldest(now, r.latency)
}

func (r *replica) atLeastOldest(now time.Time, d time.Duration) time.Duration {
	if len(r.grants) == 0 {
		return d
	}
	return max(d, now.Sub(r.grants[0].start))
}

// usual is how long its answers took lately, or what it says of itself; 0: neither is known. Unlike what is expected now it does not
// change when the machine holds its breath.
func (r *replica) usual() time.Duration {
	if r.latency == 0 {
		return r.nominal()
	}
	return r.latency
}

// rate is how many requests a second it finishes when all its slots are taken; 0: nothing is known of it.
func (r *replica) rate() float64 {
	usual := r.usual()
	if usual <= 0 {
		return 0
	}
	return float64(r.slots) / usual.Seconds()
}

// capable is how many requests a second it says that it does, and how many it did lately where it does not say. What it says was measured
// with nothing else to do; what it did may be the accident of a few answers.
func (r *replica) capable() float64 {
	if nominal := r.nominal(); nominal > 0 {
		return float64(r.slots) / nominal.Seconds()
	}
	return r.rate()
}

// load is how many requests it holds, those of other dispatchers too: as many as it last said, and then fewer, since they end.
func (r *replica) load(now time.Time, expected time.Duration) float64 {
	load := float64(len(r.grants))
	if age := now.Sub(r.othersAt); r.others > 0 && age < expected {
		load += float64(r.others) * (1 - age.Seconds()/expected.Seconds())
	}
	return load
}

// sharesNow tells whether requests of other dispatchers are likely to be there.
func (r *replica) sharesNow(now time.Time) bool {
	return r.load(now, r.latency) > float64(len(r.grants))
}

// noteOthers takes in how many requests of other dispatchers it holds.
func (r *replica) noteOthers(n int, now time.Time) {
	r.shared = r.sharing(now)
	r.shared += sharedWeight * (float64(n)/float64(r.slots) - r.shared)
	r.others, r.othersAt = n, now
}

// sharing is how much other dispatchers use it. Each of them goes first where it meets the others least, and so they part without speaking
// to each other: while there is little to do, each has replicas of its own.
func (r *replica) sharing(now time.Time) float64 {
	if r.shared == 0 {
		return 0
	}
	return r.shared * math.Exp2(-now.Sub(r.othersAt).Seconds()/sharedForgetting.Seconds())
}

// answerIn is how long a request that is sent there now will take: its own time, and its wait where others fill the slots. One that has
// answered nobody yet is tried first: with one request, and what it says of itself is little to go by.
func (r *replica) answerIn(now time.Time) time.Duration {
	if r.latency == 0 && len(r.grants) == 0 {
		return 0
	}
	expected := r.expected(now)
	over := max(0, r.load(now, expected)+1-float64(r.slots))
	return expected + time.Duration(float64(expected)*over/float64(r.slots))
}

func (r *replica) note(latency time.Duration) {
	if r.latency == 0 {
		if r.latency = r.nominal(); r.latency == 0 {
			r.latency = latency
		}
	}
	r.latency += time.Duration(latencyWeight * float64(latency-r.latency))
}

// tailCount is of how many answers a tail is: enough for a 99th percentile that one outlier does not make alone.
const tailCount = 128

// tail keeps a replica's last answers' times, for their 99th percentile.
type tail struct {
	last []time.Duration
	n    int
	p99  time.Duration // 0: too few answers yet
}

func (t *tail) add(d time.Duration) {
	if len(t.last) < tailCount {
		t.last = append(t.last, d)
	} else {
		t.last[t.n%tailCount] = d
	}
	t.n++
	if t.n%(tailCount/4) == 0 {
		sorted := slices.Sorted(slices.Values(t.last))
		t.p99 = sorted[(len(sorted)-1)*99/100]
	}
}
