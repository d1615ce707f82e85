package simulate_test

import (
	"testing"
	"time"

	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/simulate"
)

// A step to eight times the load: what nobody can foresee. p99 is within the SLO again once pods have had time to start and the autoscaler
// two intervals to look, whenever between its looks the step comes; and the backlog is gone then, not carried along.
func TestAfterAStepTheSLOHoldsAgain(t *testing.T) {
	const capacity, one = 20, 30
	const wholeSeconds = 1 // what the simulator counts in
	for _, start := range []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second} {
		worst, all := 0, []int{}
		for phase := range 5 {
			step := 1800 + phase
			trace := constant(step+300, one)
			for s := step; s < len(trace.Rates); s++ {
				trace.Rates[s] = 8 * one
			}
			c := cluster(capacity, 3)
			c.StartTime, c.StartNoise, c.Series, c.Seed = start, 0, true, uint64(phase+1)
			p := scaling.SLO{Min: 1, Max: 64, Latency: c.Latency, Interval: simulate.Interval, QueueTimeout: c.QueueTimeout, Tuning: scaling.DefaultTuning()}
			r := simulated(t, c, trace, simulate.NewLive(p))
			took := backWithin(r.Series, step) - step
			worst, all = max(worst, took), append(all, took)
		}
		allowed := int((start + 2*simulate.Interval) / time.Second)
		t.Logf("pods start in %v: p99 is within the SLO again %v s after a step 1×→8×, by when it comes; allowed %d s", start, all, allowed)
		if worst > allowed+wholeSeconds {
			t.Errorf("pods start in %v: %d s, more than %d s", start, worst, allowed)
		}
	}
}

// backWithin is the second from which on p99 keeps the SLO: of the requests that come in any ten seconds after it, 1 % are late at most.
func backWithin(s *simulate.Series, from int) int {
	const window = 10
	for second := len(s.Offered) - window; second >= from; second-- {
		offered, bad := float32(0), float32(0)
		for i := second; i < second+window; i++ {
			offered, bad = offered+s.Offered[i], bad+s.Bad[i]
		}
		if bad > offered/100 {
			// The last late one is somewhere in this window, and at its beginning, since the window after it has not too many.
			return second + 1
		}
	}
	return from
}
