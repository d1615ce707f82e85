package scaling

import (
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

// Whatever is seen, the target policy keeps these promises.
func TestTargetKeepsItsPromises(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		p := Target{
			Min: rapid.IntRange(0, 3).Draw(t, "min"), Tolerance: 0.1, DownWindow: time.Duration(rapid.IntRange(0, 9).Draw(t, "down")) * time.Second,
			UpSteps: []Step{{Percent: 100, Period: 15 * time.Second}, {Pods: 4, Period: 15 * time.Second}}, DownSteps: []Step{{Percent: 50, Period: 15 * time.Second}},
		}
		p.Max = p.Min + rapid.IntRange(1, 20).Draw(t, "range")
		o := drawObservation(t, now, p.Max)
		d := p.Decide([]Decision{Start(o.Replicas, now.Add(-5*time.Second))}, o, now)

		if paused := o.Replicas == 0 && p.Min > 0; !paused && (d.To < p.Min || d.To > p.Max) {
			t.Fatalf("outside %d..%d: %v", p.Min, p.Max, d)
		}
		if d.Reason == "" {
			t.Fatal("a decision without a reason")
		}
		if seesAll(o) || o.Replicas > p.Max {
			return
		}
		if d.To < d.From {
			t.Fatalf("down without seeing all: %v\n%+v", d, o)
		}
	})
}

func drawObservation(t *rapid.T, now time.Time, most int) Observation {
	o := Observation{Replicas: rapid.IntRange(0, most+2).Draw(t, "replicas"), RollingOut: rapid.Bool().Draw(t, "rollout")}
	for i := range o.Replicas {
		o.Pods = append(o.Pods, Pod{Name: podName(i), Ready: true, Started: now.Add(-time.Hour), Since: now.Add(-time.Hour)})
	}
	for _, name := range []string{"cpu", "requests"} {
		s := Signal{Name: name, CPU: name == "cpu", Target: 0.7, Samples: map[string]Sample{}}
		if rapid.Bool().Draw(t, "absent") {
			s.Err = ErrNoData
		}
		for i := range o.Replicas {
			if s.Err == nil && rapid.IntRange(0, 9).Draw(t, "seen") > 0 {
				s.Samples[podName(i)] = Sample{Value: rapid.Float64Range(0, 5).Draw(t, "value"), At: now}
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
