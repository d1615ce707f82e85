package main

import (
	"math"
	"testing"
	"time"

	"resnet-autoscaling/internal/summary"
)

// answered is n good answers after the same latency, due a millisecond after each other.
func answered(from time.Duration, n int, latency time.Duration) (all outcomes) {
	for i := range n {
		all = append(all, summary.Outcome{Kind: summary.OK, Due: from + time.Duration(i)*time.Millisecond, Latency: latency})
	}
	return all
}

func TestARequestThatFailedTookForEver(t *testing.T) {
	all := answered(0, 98, 10*time.Millisecond)
	for range 2 {
		all = append(all, summary.Outcome{Kind: summary.Refused, Latency: time.Microsecond})
	}
	if p50 := all.quantile(0.5); p50 != 10 {
		t.Errorf("p50 is %v ms, want 10", p50)
	}
	if p99 := all.quantile(0.99); !math.IsInf(p99, 1) {
		t.Errorf("p99 is %v ms: a refusal of a microsecond counts as a fast answer", p99)
	}
	if got := all.success(); got != 0.98 {
		t.Errorf("success is %v, want 0.98", got)
	}
	if got, want := all.failures(), "2 503"; got != want {
		t.Errorf("failures are %q, want %q", got, want)
	}
}

// flooding is a flood whose p99 is back to normal a while after it.
func flooding(back time.Duration) *flood {
	f := &flood{phases: phases{normal: 10 * time.Second, overload: 10 * time.Second, after: 10 * time.Second}, capacity: 500}
	end := f.normal + f.phases.overload
	f.all = answered(0, 10_000, 20*time.Millisecond)
	for i := range 10_000 { // of a thousand a second, every second one is refused
		o := summary.Outcome{Kind: summary.OK, Due: f.normal + time.Duration(i)*time.Millisecond, Latency: 100 * time.Millisecond}
		if i%2 == 0 {
			o.Kind, o.Latency = summary.Refused, time.Millisecond
		}
		f.all = append(f.all, o)
	}
	f.all = append(f.all, answered(end, int(back/time.Millisecond), 25*time.Millisecond)...)
	f.all = append(f.all, answered(end+back, 10_000-int(back/time.Millisecond), 21*time.Millisecond)...)
	return f
}

func TestAFloodIsJudgedByWhatCallersGot(t *testing.T) {
	f := flooding(1500 * time.Millisecond)
	if got := f.goodput(); math.Abs(got-1) > 0.02 {
		t.Errorf("goodput is %v of capacity, want all of it", got)
	}
	if n, kept := f.accepted(); n != 4000 || kept != 1 {
		t.Errorf("%d accepted, %v of them in time, want 4000, all", n, kept)
	}
	if refused := f.refused(); len(refused) != 4000 || quantile(refused, 0.99) != 1 {
		t.Errorf("%d refused, want 4000 after a millisecond", len(refused))
	}
}

func TestRecoveryIsWhenAllThatFollowsIsNearNormal(t *testing.T) {
	for _, back := range []time.Duration{0, 1500 * time.Millisecond, 4 * time.Second} {
		after, normal, ok := flooding(back).recovered()
		// One in a hundred of what follows may still be slow.
		if !ok || normal != 20 || after > back || after < back-200*time.Millisecond {
			t.Errorf("back after %v: judged as %v, %v, normal %v ms", back, after, ok, normal)
		}
	}
	if _, _, ok := flooding(9500 * time.Millisecond).recovered(); ok {
		t.Error("what is never back near normal counts as recovered")
	}
}
