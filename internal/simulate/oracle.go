package simulate

import (
	"math"
	"math/rand/v2"
)

// Oracle is what a clairvoyant would use: it knows when each request comes and how long it takes, and lets no request be late that any
// number of replicas could answer in time. Its replicas work at an even pace, whatever their quota.
type Oracle struct {
	// Instant has the replicas that each second needs, at once and for no longer.
	Instant float64
	// Holding keeps each replica for at least a minute, and asks for it so early that it is ready when needed: its start is paid for.
	Holding float64
	// Fluid is the load divided by the capacity of a replica and rounded up, second by second: what would do if requests neither came at
	// random nor took time.
	Fluid float64
}

// holds is how long the holding clairvoyant keeps a replica, in seconds.
const holds = 60

// Foresee asks the clairvoyant, in replica-seconds.
func Foresee(c Cluster, t Trace) (Oracle, error) {
	if err := c.validate(); err != nil {
		return Oracle{}, err
	}
	f := foresight{run: newRun(c, t)}
	f.run.tally.keep = false
	var needs []int32
	var o Oracle
	for second := 0; ; second++ {
		instants, ok := f.run.arrivals.next()
		if !ok {
			break
		}
		n := f.need(instants)
		if second < c.Judged {
			continue
		}
		needs = append(needs, int32(n))
		o.Instant += float64(n)
		o.Fluid += max(1, math.Ceil(t.Rates[second]/c.Capacity-1e-9))
	}
	o.Holding = holding(needs, c.StartTime.Seconds())
	return o, nil
}

// foresight finds second by second the fewest slots with which nothing is late.
type foresight struct {
	run   *run
	saved line // what the second begins with
	tries line // what the last try ends with
	best  line // what the best one ends with
	after rand.PCG
}

// need passes a second with the fewest replicas that will do, and says how many. From the second before, only what is still being
// worked on is left.
func (f *foresight) need(instants []float64) int {
	r := f.run
	end := r.now + 1
	busy := r.busy()
	f.saved.ring, f.saved.head, f.saved.n = append(f.saved.ring[:0], r.slots.ring...), r.slots.head, r.slots.n
	source := *r.service.source
	for f.saved.n > busy {
		f.saved.take()
	}
	least := max(1, (busy+r.c.Slots-1)/r.c.Slots)
	guess := max(least, r.desired)
	ok := f.holds(instants, guess, source)
	for !ok && guess < r.c.MaxReplicas {
		guess++
		ok = f.holds(instants, guess, source)
	}
	f.accept()
	for ok && guess > least && f.holds(instants, guess-1, source) {
		guess--
		f.accept()
	}
	r.slots, f.best = f.best, r.slots
	*r.service.source = f.after
	r.desired, r.now = guess, end
	return guess
}

// accept takes what was tried last as the best so far.
func (f *foresight) accept() {
	f.tries, f.best = f.best, f.tries
	f.after = *f.run.service.source
}

// holds tells whether so many replicas answer all in time, in f.tries. It gives a request to the slot that is free first.
func (f *foresight) holds(instants []float64, replicas int, source rand.PCG) bool {
	r := f.run
	f.tries.copyFrom(&f.saved)
	for f.tries.n < replicas*r.c.Slots {
		f.tries.put(slot{free: r.now})
	}
	*r.service.source = source
	late := false
	for _, at := range instants {
		takes := r.service.draw()
		start := max(at, f.tries.take().free)
		f.tries.put(slot{free: start + takes})
		if start > at && start+takes-at > r.limit {
			late = true
			if replicas < r.c.MaxReplicas {
				return false
			}
		}
	}
	return !late
}

// holding is the replica-seconds of a schedule that covers what each second needs, where a replica runs for at least a minute and its
// start is paid for: each level of the needs by itself, with a gap bridged where a new start would cost as much.
func holding(needs []int32, start float64) float64 {
	most := int32(0)
	for _, n := range needs {
		most = max(most, n)
	}
	total := 0.0
	for level := int32(1); level <= most; level++ {
		from, to := math.Inf(-1), math.Inf(-1) // of the run of a replica that is open
		for second, n := range needs {
			if n < level {
				continue
			}
			at := float64(second)
			if at > to+start {
				if to > from {
					total += to - from + start
				}
				from, to = at, at
			}
			to = max(to, at+1, from+holds)
		}
		total += to - from + start
	}
	return total
}
