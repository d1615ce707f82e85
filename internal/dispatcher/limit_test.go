package dispatcher_test

import (
	"fmt"
	"testing"
	"time"

	"resnet-autoscaling/internal/dispatcher"

	"pgregory.net/rapid"
)

var someday = time.Unix(1_700_000_000, 0)

func TestABurstIsOneSecondsWorth(t *testing.T) {
	for _, c := range []struct {
		rps   float64
		burst int
		wait  time.Duration // after the burst
	}{
		{5, 5, 200 * time.Millisecond},
		{1, 1, time.Second},
		{0.1, 1, 10 * time.Second},
		{2.5, 2, 400 * time.Millisecond},
	} {
		l := dispatcher.NewLimits()
		for i := range c.burst {
			if wait := l.Take("a", c.rps, someday); wait != 0 {
				t.Errorf("at %v/s request %d must wait %v", c.rps, i, wait)
			}
		}
		wait := l.Take("a", c.rps, someday)
		if diff := wait - c.wait; diff < -time.Millisecond || diff > time.Millisecond {
			t.Errorf("at %v/s the wait is %v, want %v", c.rps, wait, c.wait)
		}
		if wait := l.Take("a", c.rps, someday.Add(c.wait+time.Millisecond)); wait != 0 {
			t.Errorf("at %v/s, when it was told to come, it must wait %v", c.rps, wait)
		}
		if wait := l.Take("b", c.rps, someday); wait != 0 {
			t.Errorf("at %v/s another client must wait %v", c.rps, wait)
		}
	}
}

func TestNoLimitKeepsNothing(t *testing.T) {
	l := dispatcher.NewLimits()
	for range 1000 {
		if wait := l.Take("a", 0, someday); wait != 0 {
			t.Fatalf("it must wait %v", wait)
		}
	}
	if l.Len() != 0 {
		t.Errorf("%d buckets", l.Len())
	}
}

func TestANewLimitHoldsAtOnce(t *testing.T) {
	l := dispatcher.NewLimits()
	l.Take("a", 1, someday)
	if wait := l.Take("a", 1, someday); wait == 0 {
		t.Fatal("the old limit does not hold")
	}
	if wait := l.Take("a", 100, someday); wait != 0 {
		t.Errorf("with the new limit it must wait %v", wait)
	}
}

// A flood from many addresses fills no memory, and what is idle goes away.
func TestBucketsGoAway(t *testing.T) {
	l := dispatcher.NewLimits()
	for i := range 100_000 {
		l.Take(fmt.Sprint("address ", i), 1, someday)
	}
	if n := l.Len(); n > 1<<14 {
		t.Errorf("%d buckets are kept", n)
	}
	l.Take("another", 1, someday.Add(2*time.Second))
	if n := l.Len(); n != 1 {
		t.Errorf("%d buckets are kept two seconds later, want the one in use", n)
	}
}

// Whatever a client does, it gets no more than its rate and a second's worth, and what it is told to wait is neither too short nor absurd.
func TestRateHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := dispatcher.NewLimits(), someday
		rps := rapid.Float64Range(0.05, 200).Draw(t, "rps")
		taken := 0
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			wait := l.Take("a", rps, now)
			if wait == 0 {
				taken++
				if most := now.Sub(someday).Seconds()*rps + max(1, rps); float64(taken) > most+1e-6 {
					t.Fatalf("%d requests in %v at %v/s", taken, now.Sub(someday), rps)
				}
				continue
			}
			if wait.Seconds() > 1/rps+1e-6 {
				t.Fatalf("at %v/s it must wait %v", rps, wait)
			}
		}
	})
}
