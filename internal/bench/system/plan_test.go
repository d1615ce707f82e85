package main

import (
	"maps"
	"slices"
	"testing"
	"time"
)

func TestAPlan(t *testing.T) {
	const length = 20 * time.Minute
	all := slices.Sorted(maps.Keys(lasts))
	for seed := range uint64(20) {
		strikes := plan(seed, length, all)
		if again := plan(seed, length, all); !slices.Equal(strikes, again) {
			t.Fatalf("seed %d makes two plans:\n%v\n%v", seed, strikes, again)
		}
		over := longestCalm
		met := map[fault]bool{}
		for i, s := range strikes {
			if s.At < over || s.At+s.Length > length-2*longestCalm {
				t.Errorf("seed %d: %s at %v for %v, while another one is on, or in the calm", seed, s.Fault, s.At, s.Length)
			}
			if slices.Contains(endDispatcher, s.Fault) && s.At > length*3/8 {
				t.Errorf("seed %d: %s at %v: what is left is too short to tell whether memory grows", seed, s.Fault, s.At)
			}
			if i < len(all) && met[s.Fault] {
				t.Errorf("seed %d: %s comes again before all others came", seed, s.Fault)
			}
			over, met[s.Fault] = s.At+s.Length+shortestGap, true
		}
		if len(met) != len(all) {
			t.Errorf("seed %d: %d kinds of faults of %d", seed, len(met), len(all))
		}
	}
	if slices.Equal(plan(1, length, all), plan(2, length, all)) {
		t.Error("two seeds make one plan")
	}
	for f := range lasts {
		if strikes[f] == nil {
			t.Errorf("nobody knows how to do %q", f)
		}
	}
}

func TestALoadLastsAsLongAsItIsTold(t *testing.T) {
	for _, length := range []time.Duration{30 * time.Second, 10 * time.Minute, 3 * time.Hour} {
		p, err := profile(10, length)
		if err != nil {
			t.Fatal(err)
		}
		if off := (p.Duration() - length).Abs(); off > time.Second {
			t.Errorf("%v: %v", length, p.Duration())
		}
		if mean := p.Requests() / p.Duration().Seconds(); mean < 9 || mean > 13 {
			t.Errorf("%v: %.1f requests/s on average", length, mean)
		}
	}
}

func TestTimesOfAnAnswerAreMoved(t *testing.T) {
	const answer = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1700000000.5,"2"]},{"metric":{},"value":[1700000001,"3"]}]}}`
	const want = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1699999940.500,"2"]},{"metric":{},"value":[1699999941.000,"3"]}]}}`
	got, err := moved([]byte(answer), -time.Minute)
	if err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	if _, err := moved([]byte("no JSON"), time.Minute); err == nil {
		t.Error("what is no answer was moved")
	}
}
