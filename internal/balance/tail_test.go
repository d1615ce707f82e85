package balance_test

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"
)

// cluster is replicas on paper, in virtual time: each serves one request at a time, in the order in which they were sent to it.
type cluster struct {
	now     time.Time
	events  events
	service []time.Duration // mean, of each replica
	busy    []time.Time     // until when each has work
	held    []int           // requests at each
	random  *rand.Rand
	took    []time.Duration // of every request, from its arrival
}

type event struct {
	at time.Time
	do func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func (c *cluster) at(t time.Time, do func()) { heap.Push(&c.events, event{t, do}) }

// way is how long a request takes to a replica, and its answer back: what half a millisecond of a proxy's and the network's work makes of it.
const way = 400 * time.Microsecond

// send gives replica i a request; done is called when it is answered.
func (c *cluster) send(i int, done func()) {
	const cv = 0.05
	service := time.Duration(float64(c.service[i]) * math.Exp(cv*c.random.NormFloat64()-cv*cv/2))
	c.busy[i] = maxTime(c.busy[i], c.now.Add(way)).Add(service)
	c.held[i]++
	c.at(c.busy[i].Add(way), func() { c.held[i]--; done() })
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sender decides which replica gets a request that arrives now, or later.
type sender interface {
	arrive(c *cluster, answered func())
}

// run offers requests at random times, at a share of what the replicas can do, and comes back with the 99th percentile of how long they took.
func run(service []time.Duration, load float64, requests int, senders ...sender) time.Duration {
	c := &cluster{now: start, service: service, busy: make([]time.Time, len(service)), held: make([]int, len(service)), random: rand.New(rand.NewPCG(1, 2))}
	coming := rand.New(rand.NewPCG(3, 4)) // the same for all senders
	rate := 0.0
	for _, s := range service {
		rate += load / s.Seconds()
	}
	left := requests
	var next func()
	next = func() {
		came := c.now
		senders[coming.IntN(len(senders))].arrive(c, func() { c.took = append(c.took, c.now.Sub(came)) })
		if left--; left > 0 {
			c.at(c.now.Add(time.Duration(coming.ExpFloat64()/rate*float64(time.Second))), next)
		}
	}
	c.at(c.now, next)
	for len(c.took) < requests {
		e := heap.Pop(&c.events).(event)
		c.now = e.at
		e.do()
	}
	slices.Sort(c.took)
	return c.took[len(c.took)*99/100]
}

type roundRobin struct{ next int }

func (r *roundRobin) arrive(c *cluster, answered func()) {
	r.next = (r.next + 1) % len(c.service)
	c.send(r.next, answered)
}

// leastConnections pushes each request to a replica with the fewest, in turn where there are several.
type leastConnections struct{ next int }

func (l *leastConnections) arrive(c *cluster, answered func()) {
	best := -1
	for i := range c.held {
		j := (l.next + i) % len(c.held)
		if best < 0 || c.held[j] < c.held[best] {
			best = j
		}
	}
	l.next = best + 1
	c.send(best, answered)
}

// dispatcher is a Pool and a Line as the service uses them.
type dispatcher struct {
	pool  *balance.Pool
	line  *balance.Line[func()]
	told  bool
	woken time.Time
}

// newDispatcher is told by the replicas what they hold for others, or not.
func newDispatcher(told bool) *dispatcher {
	const replicas = 8
	d := &dispatcher{told: told, pool: balance.NewPool(), line: balance.NewLine[func()](1 << 20)}
	var endpoints []balance.Endpoint
	for i := range replicas {
		endpoints = append(endpoints, balance.Endpoint{Name: fmt.Sprint(i), Serving: true})
	}
	d.pool.SetEndpoints(endpoints)
	for i := range replicas { // as if all were alike: what one of them really does has to be found out
		d.pool.Learn(fmt.Sprint(i), balance.Said{Slots: 1, Capacity: 80, Load: -1}, start)
	}
	return d
}

func (d *dispatcher) arrive(c *cluster, answered func()) {
	k := &balance.Ticket[func()]{Client: "one", Arrived: c.now, Patient: 30 * time.Second, Value: answered}
	if _, err := d.line.Join(k, c.now, d.pool.Rate(c.now)); err != nil {
		panic(err)
	}
	d.dispatch(c)
}

func (d *dispatcher) dispatch(c *cluster) {
	for d.line.Len() > 0 {
		choice, ok := d.pool.Choose(c.now, nil)
		if !ok {
			if choice.Again > 0 {
				d.wake(c, choice.Again)
			}
			return
		}
		k, ok := d.line.Serve(choice.Place, choice.Name(), c.now, d.pool.Rate(c.now))
		if !ok {
			d.wake(c, choice.Again)
			return
		}
		g := d.pool.Take(choice, c.now)
		i := int(choice.Name()[0] - '0')
		c.send(i, func() {
			said := balance.Said{Slots: 1, Capacity: 80, Load: -1}
			if d.told {
				said.Load = c.held[i] + 1
			}
			d.pool.Learn(choice.Name(), said, c.now)
			g.Answered(c.now)
			k.Value()
			d.dispatch(c)
		})
	}
}

func (d *dispatcher) wake(c *cluster, in time.Duration) {
	at := c.now.Add(in)
	if d.woken.After(c.now) && !at.Before(d.woken) {
		return
	}
	d.woken = at
	c.at(at, func() { d.dispatch(c) })
}

// eight replicas of 12 ms, the first of them as many times slower.
func eight(slower float64) []time.Duration {
	all := slices.Repeat([]time.Duration{12 * time.Millisecond}, 8)
	all[0] = time.Duration(slower * float64(all[0]))
	return all
}

const requests = 40_000

// The tail at four fifths of what the replicas can do, against pushing each request to a replica at once.
func TestTail(t *testing.T) {
	slow, equal := eight(4), eight(1)
	ours, turns, least := run(slow, 0.8, requests, newDispatcher(true)), run(slow, 0.8, requests, &roundRobin{}), run(slow, 0.8, requests, &leastConnections{})
	t.Logf("one of them four times slower: p99 %v, round robin %v, least connections %v", ours, turns, least)
	if 2*ours > turns || 2*ours > least {
		t.Error("want at most half of each")
	}
	ours, turns, least = run(equal, 0.8, requests, newDispatcher(true)), run(equal, 0.8, requests, &roundRobin{}), run(equal, 0.8, requests, &leastConnections{})
	t.Logf("all alike: p99 %v, round robin %v, least connections %v", ours, turns, least)
	if float64(ours) > 1.05*float64(min(turns, least)) {
		t.Error("want no more than the better one, to chance")
	}
}

// Three dispatchers that do not know of each other, before the same replicas.
func TestTailOfSeveralDispatchers(t *testing.T) {
	three := func(service []time.Duration, load float64, told bool) time.Duration {
		return run(service, load, requests, newDispatcher(told), newDispatcher(told), newDispatcher(told))
	}
	one, several, least := run(eight(4), 0.8, requests, newDispatcher(true)), three(eight(4), 0.8, true), run(eight(4), 0.8, requests, &leastConnections{})
	t.Logf("one replica four times slower: p99 %v with three, %v with one, %v with one that pushes by least connections", several, one, least)
	if float64(several) > 1.5*float64(one) || 1.5*float64(several) > float64(least) {
		t.Error("want little more than with one, and far less than by pushing")
	}
	told, untold := three(eight(1), 0.3, true), three(eight(1), 0.3, false)
	t.Logf("at little load: p99 %v, %v when the replicas do not say what they hold for others", told, untold)
	if float64(told) > 0.9*float64(untold) {
		t.Error("they have not parted")
	}
}
