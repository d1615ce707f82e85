// Package simulate is a cluster on paper: requests of a trace wait in one queue for replicas that an autoscaler starts and stops. Every
// request is followed, so that late ones are counted and not estimated; pods take time to start, and an autoscaler sees what Prometheus
// would show it, as late as Prometheus would. Nothing here knows the time or the world: the same seed gives the same answer.
package simulate

import (
	"errors"
	"fmt"
	"time"
)

// Cluster is what the simulated cluster is like.
type Cluster struct {
	Capacity     float64       // requests per second that one replica answers when it is never idle
	Slots        int           // requests that a replica works on at once
	ServiceNoise float64       // coefficient of variation of the time that a request takes
	StartTime    time.Duration // mean time from asking for a replica until it is ready
	StartNoise   float64       // its coefficient of variation
	Latency      time.Duration // the SLO: a request that is answered later is a violation, as is one that is not answered
	Queue        int           // requests that may wait; one more is shed
	QueueTimeout time.Duration // a request that has waited so long is given up
	Timeout      time.Duration // the same while there is no replica at all
	MaxReplicas  int
	Replicas     int    // at the start, ready
	Arrivals     Manner // where within its bin a request comes
	Seed         uint64
	Judged       int  // second from which on the result counts: what comes before is learned from
	Series       bool // whether the result has what a plot needs

	// What follows is left out of a cluster's JSON unless it is given: measurements are kept by that.

	// Stated is the capacity that a replica states, where that is not what it can do: it counts the CPU time of a request, not what it waits
	// for on a core that others use too. 0: it states what it can do.
	Stated float64 `json:",omitempty"`
	// CPU is the part of a core that a replica of one slot may use, and Period what the kernel counts that in: it works at the speed of a
	// core until its part is used up, and then waits for the next period. 0: it works at an even pace.
	CPU    float64       `json:",omitempty"`
	Period time.Duration `json:",omitempty"`
	// Foresees says that a request which would wait for longer than most of QueueTimeout is refused at once, as our dispatcher does; else it
	// waits until its time is over.
	Foresees bool `json:",omitempty"`
}

// Default is the cluster of the contract, with the dispatcher's queue. Capacity and Replicas depend on the trace.
func Default() Cluster {
	return Cluster{
		Slots: 1, ServiceNoise: 0.05, StartTime: 10 * time.Second, StartNoise: 0.1, Latency: 250 * time.Millisecond,
		Queue: 2048, QueueTimeout: 10 * time.Second, Timeout: 30 * time.Second, MaxReplicas: 64, Arrivals: Scattered, Seed: 1,
	}
}

// For is the cluster with what depends on the trace, where it is not given: the capacity with which its busiest minute needs 16
// replicas, and at the start as many replicas as its first minute keeps at 70 %: nobody's decision yet, so nobody is to suffer from it.
func (c Cluster) For(t Trace) Cluster {
	if c.Capacity == 0 {
		c.Capacity = t.BusiestMinute() / 16
	}
	if c.Replicas == 0 && c.Capacity > 0 {
		c.Replicas = min(int(t.firstMinute()/(0.7*c.Capacity))+1, c.MaxReplicas)
	}
	return c
}

// Manner is where within its bin a request of the trace comes.
type Manner string

// The manners of arriving.
const (
	Scattered Manner = "scattered" // at random, as independent clients do; each bin has exactly its requests
	Even      Manner = "even"      // equally far apart
)

func (c Cluster) stated() float64 {
	if c.Stated > 0 {
		return c.Stated
	}
	return c.Capacity
}

func (c Cluster) validate() error {
	for _, rule := range []struct {
		ok   bool
		text string
	}{
		{c.Capacity > 0, "the capacity of a replica must be above 0: the trace is empty, or none was given"},
		{c.Stated >= 0, "what a replica states must not be negative"},
		{c.Slots > 0, "a replica needs at least one slot"},
		{c.MaxReplicas > 0 && c.Replicas >= 0 && c.Replicas <= c.MaxReplicas, "replicas must be from 0 to the most allowed"},
		{c.Latency > 0 && c.QueueTimeout > 0 && c.Timeout > 0 && c.Queue >= 0, "times and the queue must not be negative"},
		{c.StartTime >= 0 && c.StartNoise >= 0 && c.ServiceNoise >= 0, "a start time and noise must not be negative"},
		{c.CPU == 0 && c.Period == 0 || c.CPU > 0 && c.CPU < 1 && c.Period > 0 && c.Slots == 1, "a quota is a part of one core for a replica of one slot, and has a period"},
		{c.Arrivals == Scattered || c.Arrivals == Even, "requests arrive scattered or even"},
	} {
		if !rule.ok {
			return fmt.Errorf("simulate: %s", rule.text)
		}
	}
	return nil
}

// Autoscaler is what is simulated with the cluster: ours, or a peer.
type Autoscaler interface {
	fmt.Stringer
	// Interval is the time between its decisions, in whole seconds.
	Interval() time.Duration
	// Replicas is how many there shall be, by what can be seen of the cluster.
	Replicas(v *View) int
}

var errInterval = errors.New("simulate: an autoscaler decides at whole seconds, at least one apart")

// Run follows every request of the trace.
func Run(c Cluster, t Trace, a Autoscaler) (Result, error) {
	if err := c.validate(); err != nil {
		return Result{}, err
	}
	every := int(a.Interval() / time.Second)
	if every < 1 || a.Interval()%time.Second != 0 {
		return Result{}, errInterval
	}
	r := newRun(c, t)
	for second := 0; ; second++ {
		bin, ok := r.arrivals.next()
		if !ok {
			break
		}
		if second == c.Judged {
			r.tally.forget()
		}
		if second%every == 0 {
			r.scale(a.Replicas(&r.view))
		}
		r.pass(bin)
	}
	return r.result(a.String()), nil
}
