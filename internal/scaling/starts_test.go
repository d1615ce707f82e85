package scaling

import (
	"testing"
	"time"
)

func TestHowLongPodsTakeIsLearned(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	ready := func(name string, took time.Duration) Pod {
		return Pod{Name: name, Ready: true, Created: noon, Started: noon.Add(time.Second), Since: noon.Add(took)}
	}
	starting := func(name string) Pod { return Pod{Name: name, Created: noon, Since: noon.Add(time.Second)} }
	for name, c := range map[string]struct {
		remembered time.Duration
		looks      [][]Pod
		want       time.Duration
	}{
		"nothing is known": {0, nil, 0},
		"pods that were there, some of which were overloaded since": {
			0, [][]Pod{{ready("a", time.Hour), ready("b", 9*time.Second), ready("c", 2*time.Hour), ready("d", 8*time.Second)}}, 9 * time.Second,
		},
		"one that was seen to start counts more than those that were there": {
			0, [][]Pod{{ready("a", time.Hour), starting("b")}, {ready("a", time.Hour), ready("b", 7*time.Second)}}, 7 * time.Second,
		},
		"one that was ready when it was first seen, later": {0, [][]Pod{{}, {ready("b", 2*time.Second)}}, 2 * time.Second},
		"less than a second is one":                        {0, [][]Pod{{}, {ready("b", 0)}}, time.Second},
		"what another learned":                             {12 * time.Second, [][]Pod{{ready("a", time.Hour)}}, 12 * time.Second},
		"a pod that was overloaded does not start": {
			12 * time.Second, [][]Pod{{ready("a", 10*time.Second)}, {starting("a")}, {ready("a", 5*time.Hour)}}, 12 * time.Second,
		},
		"each start counts once": {
			0,
			[][]Pod{{starting("a"), starting("b"), starting("c")}, {ready("a", time.Second), ready("b", 30*time.Second), ready("c", 30*time.Second)}, {ready("a", time.Second)}, {ready("a", time.Second)}},
			30 * time.Second,
		},
		"a pod of which no beginning is told": {0, [][]Pod{{}, {{Name: "a", Ready: true, Since: noon}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var s Starts
			s.Remember(c.remembered)
			for _, pods := range c.looks {
				s.See(pods)
			}
			if got := s.Usual(); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestOnlyTheLatestStartsCount(t *testing.T) {
	var s Starts
	s.See(nil)
	at := time.Unix(1000, 0)
	for i := range 1000 {
		took := 60 * time.Second
		if i >= 1000-startsKept {
			took = 5 * time.Second
		}
		s.See([]Pod{{Name: podName(i), Ready: true, Created: at, Since: at.Add(took)}})
	}
	if s.Usual() != 5*time.Second || len(s.took) != startsKept || len(s.ready) != 1 {
		t.Errorf("%v of %d starts, %d pods known", s.Usual(), len(s.took), len(s.ready))
	}
}
