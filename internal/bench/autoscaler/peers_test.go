package autoscaler

import (
	"testing"
	"time"

	"resnet-autoscaling/internal/simulate"

	"knative.dev/serving/pkg/apis/autoscaling"
)

// steps is a load that stays on each level for a while.
func steps(each int, levels ...float64) simulate.Trace {
	t := simulate.Trace{Name: "steps", Bin: 1}
	for _, level := range levels {
		for range each {
			t.Rates = append(t.Rates, level)
		}
	}
	return t
}

// The peers' code, clock and metrics work together as their documentation says.
func TestPeersFollowTheLoad(t *testing.T) {
	c := simulate.Default()
	c.Capacity, c.Replicas, c.Series = 20, 3, true
	trace := steps(900, 40, 160, 40)
	for name, who := range map[string]contender{
		"HPA on CPU":         ofHPA(hpaSetting{signal: "cpu", target: 0.8, downWindow: 5 * time.Minute}),
		"HPA on requests":    ofHPA(hpaSetting{signal: "rps", target: 0.8, downWindow: 5 * time.Minute, rateWindow: 30 * time.Second}),
		"KPA on requests":    ofKPA(kpaSetting{signal: autoscaling.RPS, target: 0.7, stable: time.Minute}),
		"KPA on concurrency": ofKPA(kpaSetting{signal: autoscaling.Concurrency, target: 0.7, stable: time.Minute}),
	} {
		t.Run(name, func(t *testing.T) {
			r := simulated(t, c, trace, who)
			at := func(second int) int { return int(r.Series.Desired[second]) }
			if before := at(890); before < 2 || before > 5 {
				t.Errorf("%d replicas at 40 rps", before)
			}
			if high := at(1790); high < 9 || high > 14 {
				t.Errorf("%d replicas at 160 rps", high)
			}
			if name[:3] == "HPA" && at(1800+280) < at(1790) {
				t.Errorf("down to %d within the HPA's five minutes", at(1800+280))
			}
			if after := at(2690); after > 5 {
				t.Errorf("%d replicas when it is over", after)
			}
		})
	}
}
