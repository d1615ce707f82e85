package scaling

import (
	"testing"
	"time"
)

// Four replicas that answer 80 of 100 requests a second have 100 waiting. A new one takes a minute: by then there are 1,300, unless some
// that were asked for before come in between.
func TestABacklogCountsReplicasOnTheirWay(t *testing.T) {
	now := storyEpoch.Add(time.Hour)
	asked := func(ago time.Duration) Pod {
		return Pod{Created: now.Add(-ago), Started: now.Add(-ago / 2), Since: now.Add(-ago)}
	}
	for name, c := range map[string]struct {
		coming  []Pod
		rollout bool
		skew    time.Duration // by which our clock is ahead
		want    float64
	}{
		"none":                                   {nil, false, 0, 1300},
		"one that evens it out in half a minute": {[]Pod{asked(30 * time.Second)}, false, 0, 700},
		"five that drain it":                     {[]Pod{asked(30 * time.Second), asked(30 * time.Second), asked(30 * time.Second), asked(30 * time.Second), asked(30 * time.Second)}, false, 0, 0},
		"two, one after the other":               {[]Pod{asked(20 * time.Second), asked(40 * time.Second)}, false, 0, 100},
		"one that should have been ready":        {[]Pod{asked(70 * time.Second)}, false, 0, 1300},
		"one that was asked for just now":        {[]Pod{asked(0)}, false, 0, 1300},
		"one by a clock that is ahead":           {[]Pod{asked(-30 * time.Second)}, false, 0, 1300},
		"one by a clock that is behind ours":     {[]Pod{asked(50 * time.Second)}, false, 20 * time.Second, 700},
		"one that takes the place of another":    {[]Pod{asked(30 * time.Second)}, true, 0, 1300},
		"one of which nothing is known":          {[]Pod{{Pending: true}}, false, 0, 1300},
	} {
		t.Run(name, func(t *testing.T) {
			d := Demand{Step: 5 * time.Second, At: now, Capacity: 20, Slots: 1, StartTime: time.Minute, Waiting: 100, Skew: c.skew}
			for range 100 {
				d.Rates = append(d.Rates, 100)
			}
			o := Observation{Replicas: 4 + len(c.coming), Demand: d, RollingOut: c.rollout}
			for range 4 {
				o.Pods = append(o.Pods, podStates['r'](now))
			}
			o.Pods = append(o.Pods, c.coming...)
			p := SLO{Min: 1, Max: 64, Latency: 250 * time.Millisecond, Interval: 5 * time.Second, Tuning: DefaultTuning()}
			if r := p.Decide([]Decision{Start(o.Replicas, now)}, o, now).Reckoning; r == nil || r.Backlog != c.want || r.Replicas < o.Replicas {
				t.Errorf("%+v: a backlog of %v and %d replicas, want %v and none of %d given up", r, r.Backlog, r.Replicas, c.want, o.Replicas)
			}
		})
	}
}
