package simulate

import (
	"math/rand/v2"
	"time"

	"resnet-autoscaling/internal/balance"
)

// run is one simulation under way. Times are seconds from the trace's start.
type run struct {
	c        Cluster
	arrivals *arrivals
	service  *spread
	starting *spread
	phases   *rand.Rand // of quotas
	limit    float64    // the SLO, in seconds

	slots   line      // of ready replicas: when each is free
	waiting []float64 // ring: when each request that waits came
	head, n int
	coming  []float64 // when each replica that starts will be ready, in order

	stands  float64 // since when there has always been somebody waiting
	now     float64
	desired int
	view    View
	tally   tally
}

func newRun(c Cluster, t Trace) *run {
	r := &run{
		c: c, arrivals: newArrivals(t, c.Arrivals, c.Seed), limit: c.Latency.Seconds(), desired: c.Replicas,
		service:  newSpread(float64(c.Slots)/c.Capacity, c.ServiceNoise, c.Seed),
		starting: newSpread(c.StartTime.Seconds(), c.StartNoise, c.Seed+1),
		phases:   rand.New(rand.NewPCG(c.Seed, 4)),
		waiting:  make([]float64, powerOfTwo(c.Queue+1)),
	}
	for range c.Replicas {
		r.join(0)
	}
	r.view = newView(r)
	r.tally.keep = c.Series
	return r
}

func powerOfTwo(least int) int {
	n := 1
	for n < least {
		n *= 2
	}
	return n
}

// join gives a replica that is ready its work.
func (r *run) join(at float64) {
	q := newQuota(r.c, r.phases)
	for range r.c.Slots {
		r.slots.put(slot{free: at, quota: q})
	}
}

// ready is how many replicas take requests.
func (r *run) ready() int { return r.slots.n / r.c.Slots }

// scale makes the replicas what is desired: new ones start now; of those that go, the ones that have not got ready go first, as in
// Kubernetes, and the others finish what they have.
func (r *run) scale(desired int) {
	desired = min(max(desired, 0), r.c.MaxReplicas)
	r.tally.scaled(r.now, desired-r.desired)
	r.desired = desired
	for r.ready()+len(r.coming) < desired {
		r.start(r.now + r.starting.draw())
	}
	for r.ready()+len(r.coming) > desired && len(r.coming) > 0 {
		r.coming = r.coming[:len(r.coming)-1]
		r.view.stopped()
	}
	for r.ready() > desired {
		last := r.now
		for range r.c.Slots {
			last = max(last, r.slots.take().free)
		}
		r.tally.replicaSeconds += last - r.now
		r.view.stopped()
	}
}

func (r *run) start(ready float64) {
	i := len(r.coming)
	r.coming = append(r.coming, ready)
	for ; i > 0 && r.coming[i-1] > ready; i-- {
		r.coming[i] = r.coming[i-1]
	}
	r.coming[i] = ready
	r.view.started(r.now)
}

// pass lets a second go by, with the requests that come in it.
func (r *run) pass(instants []float64) {
	end := r.now + 1
	r.tally.replicaSeconds += float64(r.desired)
	r.tally.second(r, len(instants))
	for len(r.coming) > 0 && r.coming[0] < end {
		at := r.coming[0]
		n := 0
		for n < len(instants) && instants[n] < at {
			n++
		}
		r.accept(instants[:n], at)
		instants = instants[n:]
		r.coming = r.coming[:copy(r.coming, r.coming[1:])]
		r.join(at)
		r.view.becameReady(at)
	}
	r.accept(instants, end)
	r.now = end
	r.view.passed(r)
}

// accept takes requests in order, and works until a time at which the replicas may change.
func (r *run) accept(instants []float64, until float64) {
	for _, at := range instants {
		r.work(at)
		switch {
		case r.n == 0 && r.slots.n > 0 && r.slots.first() <= at:
			r.serve(at, at)
		case r.n >= r.c.Queue || r.refuses(at):
			r.tally.shed++
			r.tally.bad(at)
		default:
			r.waiting[(r.head+r.n)&(len(r.waiting)-1)] = at
			r.n++
		}
	}
	r.work(until)
}

// refuses tells whether the dispatcher refuses a request because of how long it would wait.
func (r *run) refuses(at float64) bool {
	if !r.c.Foresees || r.slots.n == 0 {
		return false
	}
	if r.n == 0 {
		r.stands = at
	}
	share := balance.Bearable(time.Duration((at - r.stands) * float64(time.Second)))
	return float64(r.n+1)/(float64(r.ready())*r.c.Capacity) > share*r.c.QueueTimeout.Seconds()
}

// work starts what waits, as slots get free before a time, and gives up what has waited for too long.
func (r *run) work(until float64) {
	patience := r.c.QueueTimeout.Seconds()
	if r.slots.n == 0 {
		patience = r.c.Timeout.Seconds()
	}
	for r.n > 0 {
		came := r.waiting[r.head]
		start := until
		if r.slots.n > 0 {
			start = max(r.slots.first(), came)
		}
		if came+patience <= min(start, until) {
			r.leave()
			r.tally.timedOut++
			r.tally.bad(came)
			continue
		}
		if start >= until {
			return
		}
		r.leave()
		r.serve(came, start)
	}
}

func (r *run) leave() {
	r.head = (r.head + 1) & (len(r.waiting) - 1)
	r.n--
}

func (r *run) serve(came, start float64) {
	takes := r.service.draw()
	place := r.slots.take()
	place.free = place.quota.end(start, takes)
	r.slots.put(place)
	r.view.served(place.free, takes)
	if place.free-came > r.limit {
		r.tally.late++
		r.tally.bad(came)
	}
}
