package scaling

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// The rule by itself: what a policy makes of it may hide what it says.
func TestProposeIsTheHPAsRule(t *testing.T) {
	for name, c := range map[string]struct {
		values           []float64
		missing, ignored int
		current          int
		want             int
	}{
		"on target":                                           {values: []float64{5, 5}, current: 2, want: 2},
		"inside the tolerance":                                {values: []float64{5.5, 5.5}, current: 2, want: 2},
		"just outside":                                        {values: []float64{5.51, 5.51}, current: 2, want: 3},
		"below the tolerance":                                 {values: []float64{1, 1, 1, 1}, current: 4, want: 1},
		"up, a missing pod is idle":                           {values: []float64{10, 10}, missing: 1, current: 3, want: 4},
		"up, a starting pod is idle":                          {values: []float64{10, 10}, ignored: 1, current: 3, want: 4},
		"up, both":                                            {values: []float64{20, 20}, missing: 1, ignored: 1, current: 4, want: 8},
		"up, but not with a missing pod as idle":              {values: []float64{10}, missing: 1, current: 2, want: 2},
		"up, and down with the missing pods as idle":          {values: []float64{8}, missing: 3, current: 4, want: 4},
		"up, but to fewer than there are":                     {values: []float64{15}, missing: 1, current: 10, want: 10},
		"up, turned, but to more than there are":              {values: []float64{8}, missing: 3, current: 1, want: 1},
		"down, a missing pod is on target":                    {values: []float64{1, 1, 1}, missing: 1, current: 4, want: 2},
		"down, but inside with the missing pods on target":    {values: []float64{4.4}, missing: 4, current: 5, want: 5},
		"down, but to more than there are":                    {values: []float64{1, 1, 1}, missing: 9, current: 4, want: 4},
		"down, a starting pod does not count":                 {values: []float64{1, 1, 1}, ignored: 1, current: 4, want: 1},
		"down, a missing and a starting pod":                  {values: []float64{1, 1, 1}, missing: 1, ignored: 3, current: 7, want: 2},
		"exactly on target, whatever is missing":              {values: []float64{5}, missing: 2, ignored: 2, current: 5, want: 5},
		"without a missing pod only those that are there add": {values: []float64{15, 15}, current: 10, want: 6},
	} {
		t.Run(name, func(t *testing.T) {
			counted := census{values: c.values, missing: c.missing, ignored: c.ignored}
			if got := counted.propose(c.current, 5, 0.1); got.desired != c.want {
				t.Errorf("%+v, want %d", got, c.want)
			}
		})
	}
}

func TestCeil(t *testing.T) {
	for x, want := range map[float64]int{0: 0, 2.1: 3, 3: 3, 3.0000000000000004: 3, 1e300: math.MaxInt32, math.Inf(1): math.MaxInt32} {
		if got := ceil(x); got != want {
			t.Errorf("ceil(%v) is %d, want %d", x, got, want)
		}
	}
}

func TestStarting(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	for _, c := range []struct {
		ready              bool
		since, sample, now int // seconds after the start
		want               bool
	}{
		{ready: false, since: 0, sample: 30, now: 30, want: true},
		{ready: true, since: 20, sample: 79, now: 80, want: true},  // the minute before 79 s began before 20 s
		{ready: true, since: 20, sample: 80, now: 81, want: false}, // all of it is later
		{ready: false, since: 200, sample: 290, now: 299, want: true},
		{ready: false, since: 200, sample: 290, now: 300, want: false}, // past its first five minutes, it was ready once
		{ready: false, since: 29, sample: 290, now: 300, want: true},   // it never was
		{ready: true, since: 299, sample: 300, now: 300, want: false},
	} {
		p := Pod{Ready: c.ready, Started: start, Since: at(c.since)}
		if got := starting(p, Sample{At: at(c.sample)}, time.Minute, at(c.now)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if !starting(Pod{Ready: true}, Sample{At: start}, time.Minute, start) {
		t.Error("a pod without a start time cannot be judged")
	}
	if got := fmt.Sprint(takeCensus([]Pod{{Name: "a", Pending: true}}, Signal{Samples: map[string]Sample{"a": {Value: 1}}}, start)); got != fmt.Sprint(census{values: []float64{}, ignored: 1}) {
		t.Errorf("a pending pod is ignored, whatever its sample: %s", got)
	}
}
