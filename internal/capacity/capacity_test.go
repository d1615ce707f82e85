package capacity_test

import (
	"testing"

	"resnet-autoscaling/internal/capacity"
	"resnet-autoscaling/internal/summary"

	"pgregory.net/rapid"
)

// Whatever a service can do, the search finds it to within its precision, and tries few rates.
func TestTheSearchFindsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		can := rapid.Float64Range(0.5, 20000).Draw(t, "can")
		first := rapid.Float64Range(1, 100).Draw(t, "first")
		const most, precision = 10000, 0.05
		s := capacity.New(first, most, precision)
		steps := 0
		for {
			rate, ok := s.Next()
			if !ok {
				break
			}
			if steps++; steps > 30 || rate > most || rate <= 0 {
				t.Fatalf("step %d is at %v", steps, rate)
			}
			s.Tell(rate, rate <= can)
		}
		got, bounded := s.Answer()
		switch {
		case can >= most:
			if got != most || bounded {
				t.Fatalf("%v, bounded %v: want the highest rate allowed", got, bounded)
			}
		case can < first/64:
			if got != 0 {
				t.Fatalf("%v, although nothing was kept", got)
			}
		case can >= first/32 && (got > can || got < can/(1+precision)-1e-9 || !bounded):
			t.Fatalf("%v, bounded %v; want %v", got, bounded, can)
		}
	})
}

func TestSteady(t *testing.T) {
	test := func(inFlight ...int64) summary.Result {
		r := summary.Result{Seconds: float64(len(inFlight)), Requests: 1000}
		for i, n := range inFlight {
			r.Timeline = append(r.Timeline, summary.Second{Second: i, InFlight: n})
		}
		return r
	}
	for name, c := range map[string]struct {
		result summary.Result
		want   bool
	}{
		"level":    {test(5, 9, 2, 7, 5), true},
		"growing":  {test(5, 9, 13, 17, 21), false},
		"a little": {test(5, 9, 13, 14, 15), true},
		"falling":  {test(50, 9, 3, 1, 0), true},
		"short":    {test(90), true},
	} {
		if got := capacity.Steady(c.result); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestJudge(t *testing.T) {
	good := summary.Result{
		Seconds: 3, Requests: 300, OK: 299, Rate: summary.Rate{Achieved: 99}, Latency: summary.Latency{P50: 5, P99: 40},
		SLO:      []summary.Verdict{{SLO: "p99<250ms", Kept: true}, {SLO: "errors<1%", Kept: true}},
		Replicas: []summary.Replicas{{Ready: 1}, {Ready: 2, Capacity: 110}}, Timeline: make([]summary.Second, 3),
	}
	s := capacity.Judge(100, good)
	if !s.Kept || !s.Steady || s.Ready != 2 || s.Capacity != 110 || s.Lost != 1 || len(s.Missed) != 0 {
		t.Errorf("%+v", s)
	}
	grows := good
	grows.Timeline = []summary.Second{{}, {InFlight: 20}, {InFlight: 40}}
	if s := capacity.Judge(100, grows); s.Kept || s.Steady {
		t.Errorf("a queue that grows: %+v", s)
	}
	slow := good
	slow.SLO = []summary.Verdict{{SLO: "p99<250ms", Measured: "300.0ms"}, {SLO: "errors<1%", Kept: true}}
	if s := capacity.Judge(100, slow); s.Kept || len(s.Missed) != 1 || s.Missed[0] != "p99<250ms: 300.0ms" {
		t.Errorf("slow: %+v", s)
	}
}

// A tester that was itself late proves nothing by latencies that were missed, but by anything else.
func TestProves(t *testing.T) {
	verdicts := func(p99, errors bool) []summary.Verdict {
		return []summary.Verdict{{SLO: "p99<250ms", Kept: p99}, {SLO: "errors<1%", Kept: errors}}
	}
	for name, c := range map[string]struct {
		result summary.Result
		want   bool
	}{
		"kept":              {summary.Result{SLO: verdicts(true, true)}, true},
		"kept, though late": {summary.Result{SLO: verdicts(true, true), Lag: summary.Lag{P99: 50}}, true},
		"slow":              {summary.Result{SLO: verdicts(false, true)}, true},
		"slow and late":     {summary.Result{SLO: verdicts(false, true), Lag: summary.Lag{P99: 50}}, false},
		"lost and late":     {summary.Result{SLO: verdicts(false, false), Lag: summary.Lag{P99: 50}}, true},
	} {
		if got := capacity.Proves(c.result); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
