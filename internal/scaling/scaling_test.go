package scaling

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseStep(t *testing.T) {
	for text, want := range map[string]Step{
		"4/15s": {Pods: 4, Period: 15 * time.Second}, "100%/15s": {Percent: 100, Period: 15 * time.Second}, "1/1m": {Pods: 1, Period: time.Minute},
	} {
		got, err := ParseStep(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for text, word := range map[string]string{
		"": "such as", "4": "amount and a period", "4/": "period", "4/0s": "period", "4/31m": "up to 30m", "x/15s": "amount", "0/15s": "amount", "-1/15s": "amount", "1.5/15s": "amount",
	} {
		if _, err := ParseStep(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, want a word on %q", text, err, word)
		}
	}
}

func FuzzParseStep(f *testing.F) {
	for _, text := range []string{"4/15s", "100%/15s", "1/1m30s", "%/1s", "1/", "1e3/1s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStep(text)
		if err != nil {
			return
		}
		if again, err := ParseStep(s.String()); err != nil || again != s {
			t.Errorf("%q is %+v, written %s, read again %+v, %v", text, s, s, again, err)
		}
	})
}

// Whatever is seen, the target policy keeps these promises.
func TestTargetKeepsItsPromises(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		p := drawTarget(t)
		o := drawObservation(t, now, p.Max)
		past := drawPast(t, now, o.Replicas)
		d := p.Decide(past, o, now)
		if again := p.Decide(past, o, now); !reflect.DeepEqual(again, d) {
			t.Fatalf("asked twice: %v, then %v", d, again)
		}
		if d.Reason == "" || d.From != o.Replicas || !d.At.Equal(now) {
			t.Fatalf("a decision that does not tell what it is: %+v", d)
		}
		if d.Hold != HoldNone && d.Changed() {
			t.Fatalf("holds and moves: %v", d)
		}
		if paused := o.Replicas == 0 && p.Min > 0; paused != (d.Hold == HoldPaused) {
			t.Fatalf("paused is for who finds 0 and keeps more: %v", d)
		}
		if o.Replicas == 0 {
			return
		}
		if d.To < p.Min || d.To > p.Max {
			t.Fatalf("outside %d..%d: %v", p.Min, p.Max, d)
		}
		if o.Replicas < p.Min || o.Replicas > p.Max {
			return // the limits alone decide
		}
		if !seesAll(o) && d.To < d.From {
			t.Fatalf("down without seeing all: %v\n%+v", d, o)
		}
		if d.To == 0 && (o.Offered.Err != nil || o.Offered.Rate > 0) {
			t.Fatalf("the last one went while it may be needed: %v\n%+v", d, o)
		}
		if most := highest(p.UpSteps, d.From, past, now); d.To > most {
			t.Fatalf("up by more than the steps allow, %d: %v", most, d)
		}
		if least := lowest(p.DownSteps, d.From, past, now); d.To < least {
			t.Fatalf("down by more than the steps allow, %d: %v", least, d)
		}
	})
}

// More load never means fewer replicas.
func TestTargetIsMonotone(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		p := drawTarget(t)
		o := drawObservation(t, now, p.Max)
		if o.Replicas == 0 {
			t.Skip("there is nothing to load")
		}
		o.Offered.Shed = 0 // while some is refused, replicas that answer more are a reason for fewer of them
		past := drawPast(t, now, o.Replicas)
		light := p.Decide(past, o, now)
		factor := rapid.Float64Range(1, 10).Draw(t, "factor")
		for _, s := range o.Signals {
			for pod, sample := range s.Samples {
				sample.Value *= factor
				s.Samples[pod] = sample
			}
		}
		if heavy := p.Decide(past, o, now); heavy.To < light.To {
			t.Fatalf("%v, but with %v times the load %v", light, factor, heavy)
		}
	})
}

func drawTarget(t *rapid.T) Target {
	window := rapid.SampledFrom([]time.Duration{0, 10 * time.Second, 5 * time.Minute})
	p := Target{
		Min: rapid.IntRange(0, 3).Draw(t, "min"), Tolerance: rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "tolerance"),
		UpWindow: window.Draw(t, "up window"), DownWindow: window.Draw(t, "down window"),
		UpSteps:   []Step{{Percent: 100, Period: 15 * time.Second}, {Pods: 4, Period: 15 * time.Second}},
		DownSteps: []Step{{Percent: 50, Period: 15 * time.Second}},
	}
	p.Max = p.Min + rapid.IntRange(1, 20).Draw(t, "range")
	return p
}

// drawPast is what came before: a start, and moves that led to the replicas there are.
func drawPast(t *rapid.T, now time.Time, replicas int) []Decision {
	past := []Decision{Start(replicas, now.Add(-time.Hour))}
	for i := range rapid.IntRange(0, 5).Draw(t, "ticks") {
		d := Start(replicas, now.Add(time.Duration(i-5)*5*time.Second))
		d.Recommended = rapid.IntRange(0, 30).Draw(t, "recommended")
		d.From, d.Applied = rapid.IntRange(0, 30).Draw(t, "from"), rapid.Bool().Draw(t, "applied")
		past = append(past, d)
	}
	return past
}

func drawObservation(t *rapid.T, now time.Time, most int) Observation {
	o := Observation{Replicas: rapid.IntRange(0, most+2).Draw(t, "replicas"), RollingOut: rapid.Bool().Draw(t, "rollout")}
	o.Offered.Rate = rapid.SampledFrom([]float64{0, 0.1, 50}).Draw(t, "offered")
	o.Offered.Shed = rapid.SampledFrom([]float64{0, 0.05, 49}).Draw(t, "shed")
	if rapid.Bool().Draw(t, "no dispatcher") {
		o.Offered.Err = ErrNoData
	}
	for i := range o.Replicas {
		o.Pods = append(o.Pods, Pod{Name: podName(i), Ready: true, Started: now.Add(-time.Hour), Since: now.Add(-time.Hour)})
	}
	value := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 5), rapid.Float64Range(0, 1e300))
	for _, name := range []string{"cpu", "requests"} {
		s := Signal{Name: name, CPU: name == "cpu", Target: rapid.SampledFrom([]float64{0.7, 5, 1e-300}).Draw(t, "target"), Samples: map[string]Sample{}}
		if rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
			s.Err = ErrNoData
		}
		for i := range o.Replicas {
			if s.Err == nil && rapid.IntRange(0, 9).Draw(t, "seen") > 0 {
				s.Samples[podName(i)] = Sample{Value: value.Draw(t, "value"), At: now}
			}
		}
		o.Signals = append(o.Signals, s)
	}
	return o
}

func seesAll(o Observation) bool {
	for _, s := range o.Signals {
		if s.Err != nil || len(s.Samples) < len(o.Pods) {
			return false
		}
	}
	return !o.RollingOut
}
