package simulate

import (
	"math"
	"time"
)

// View is what there is to see of the cluster: what the Kubernetes API tells at once, and counters as they stood at past seconds, since
// whoever scrapes them does so now and then. Which of them an autoscaler sees, and how late, is for it to say.
type View struct {
	c       Cluster
	now     int
	desired int
	pods    []Pod
	totals  []Totals // ring, by second
	ends    []int32  // ring: how many answers are due in a second to come
}

// Pod is one replica.
type Pod struct {
	Name    int     // counted from the simulation's start
	Started float64 // when it was asked for, in seconds
	Ready   bool
	Since   float64 // when Ready became what it is
}

// Totals are counters since the start, and gauges, at the beginning of a second.
type Totals struct {
	Arrivals  float64 // requests that came
	Answered  float64
	Busy      float64 // seconds that slots worked, as if at an even pace
	Ready     float64 // replica-seconds of ready replicas
	Lost      float64 // requests that were shed or given up
	Waiting   int     // requests in the queue
	InService int     // requests that replicas work on

	// Of one replica that was ready all the time: replicas are alike and the dispatcher is fair, so it had its share of each second.
	answeredEach, busyEach float64
}

// remembered is how many seconds of totals can be asked for.
const remembered = 1 << 10

func newView(r *run) View {
	v := View{c: r.c, desired: r.desired, totals: make([]Totals, remembered), ends: make([]int32, remembered)}
	for range r.c.Replicas {
		v.started(-r.c.StartTime.Seconds())
		v.becameReady(0)
	}
	return v
}

// Cluster is what the cluster is like; of it an autoscaler may know what a replica can measure of itself.
func (v *View) Cluster() Cluster { return v.c }

// Second is the seconds since the start.
func (v *View) Second() int { return v.now }

// Now is the same as a time: a Monday's midnight and the seconds since.
func (v *View) Now() time.Time { return Epoch.Add(time.Duration(v.now) * time.Second) }

// Epoch is when simulations begin.
var Epoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// Desired is how many replicas were asked for last.
func (v *View) Desired() int { return v.desired }

// Pods are the replicas, oldest first. They are valid until the next second.
func (v *View) Pods() []Pod { return v.pods }

// At is the totals at the beginning of a second that is not longer ago than 1000 s; before the start all are 0.
func (v *View) At(second int) Totals {
	if second < 0 {
		return Totals{}
	}
	return v.totals[second%remembered]
}

// around is the totals at a time between two seconds, as if they had changed evenly in it.
func (v *View) around(at float64) Totals {
	second := int(math.Floor(at))
	a, share := v.At(second), at-math.Floor(at)
	if share == 0 {
		return a
	}
	b := v.At(second + 1)
	between := func(a, b float64) float64 { return a + share*(b-a) }
	return Totals{
		Arrivals: between(a.Arrivals, b.Arrivals), Answered: between(a.Answered, b.Answered), Busy: between(a.Busy, b.Busy),
		Ready: between(a.Ready, b.Ready), Lost: between(a.Lost, b.Lost),
		answeredEach: between(a.answeredEach, b.answeredEach), busyEach: between(a.busyEach, b.busyEach),
		Waiting: int(between(float64(a.Waiting), float64(b.Waiting)) + 0.5), InService: int(between(float64(a.InService), float64(b.InService)) + 0.5),
	}
}

func (v *View) served(end, takes float64) {
	v.ends[int(end)%remembered]++
	v.totals[v.now%remembered].Busy += takes
}

// passed closes the second that went by.
func (v *View) passed(r *run) {
	sum := &v.totals[v.now%remembered]
	next := *sum
	answered := float64(v.ends[v.now%remembered])
	next.Answered += answered
	v.ends[v.now%remembered] = 0
	if ready := float64(r.ready()); ready > 0 {
		next.answeredEach += answered / ready
		next.busyEach += (sum.Busy - v.At(v.now-1).Busy) / ready
	}
	next.Arrivals = r.tally.past + r.tally.offered
	next.Lost = float64(r.tally.shed + r.tally.timedOut)
	next.Waiting = r.n
	next.InService = r.busy()
	next.Ready += float64(r.ready())
	v.now++
	v.desired = r.desired
	v.totals[v.now%remembered] = next
}

// busy is how many slots work now: they are the last of those in order of when they are free.
func (r *run) busy() int {
	mask := len(r.slots.ring) - 1
	n := 0
	for n < r.slots.n && r.slots.ring[(r.slots.head+r.slots.n-1-n)&mask].free > r.now {
		n++
	}
	return n
}

func (v *View) started(at float64) {
	name := 0
	if n := len(v.pods); n > 0 {
		name = v.pods[n-1].Name + 1
	}
	v.pods = append(v.pods, Pod{Name: name, Started: at, Since: at})
}

func (v *View) becameReady(at float64) {
	for i := range v.pods {
		if p := &v.pods[i]; !p.Ready {
			p.Ready, p.Since = true, at
			return
		}
	}
}

// stopped takes away the youngest replica, one that is not ready first.
func (v *View) stopped() {
	i := len(v.pods) - 1
	for j := i; j >= 0; j-- {
		if !v.pods[j].Ready {
			i = j
			break
		}
	}
	v.pods = append(v.pods[:i], v.pods[i+1:]...)
}
