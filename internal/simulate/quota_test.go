package simulate_test

import (
	"testing"
	"time"

	"resnet-autoscaling/internal/simulate"
)

// quarter is a replica with a quarter of a core: a request takes 12.5 ms of CPU time, and so 50 ms at an even pace.
func quarter() simulate.Cluster {
	c := cluster(20, 1)
	c.ServiceNoise, c.Arrivals = 0, simulate.Even
	c.CPU, c.Period = 0.25, 100*time.Millisecond
	return c
}

func TestARestedReplicaAnswersAtTheSpeedOfACore(t *testing.T) {
	c := quarter()
	c.Latency = 13 * time.Millisecond
	if late := simulated(t, c, constant(600, 2), fixed(1)).Violations(); late != 0 {
		t.Errorf("%v of the requests took longer than their CPU time", late)
	}
	c.CPU, c.Period = 0, 0
	if late := simulated(t, c, constant(600, 2), fixed(1)).Violations(); late != 1 {
		t.Errorf("at an even pace %v of the requests took 50 ms", late)
	}
}

// Two requests fit into a period: of three that come in one, the third waits for the next.
func TestWhoHasUsedUpItsQuotaStandsStill(t *testing.T) {
	c := quarter()
	c.Capacity, c.Period, c.Latency = 2, time.Second, 126*time.Millisecond // each takes 125 ms of the 250 that a period has
	trace := constant(300, 0)
	for second := 0; second < len(trace.Rates); second += 10 {
		trace.Rates[second] = 3
	}
	r := simulated(t, c, trace, fixed(1))
	if r.Late == 0 || r.Late > r.Offered/3 {
		t.Errorf("%d of %d requests waited for a period", r.Late, r.Offered)
	}
}

func TestAReplicaGetsItsShareAndNoMore(t *testing.T) {
	c := quarter()
	answered := 0.0
	saw := func(v *simulate.View) {
		if v.Second() > 100 {
			answered = (v.At(v.Second()).Answered - v.At(100).Answered) / float64(v.Second()-100)
		}
	}
	simulated(t, c, constant(400, 60), &scripted{wants: []int{1}, saw: saw})
	if answered < 19.9 || answered > 20.1 {
		t.Errorf("a replica that can answer 20 a second answered %.2f", answered)
	}
}
