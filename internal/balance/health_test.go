package balance_test

import (
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"
)

// failing makes a replica fail three times in a row, as soon as it is given requests, and comes back with the instant of the third.
func failing(t *testing.T, p *balance.Pool, now time.Time, skip map[string]bool) time.Time {
	t.Helper()
	for i := range 3 {
		if i > 0 {
			now = now.Add(time.Second)
		}
		mustTake(t, p, now, skip).Failed(now)
	}
	return now
}

func TestAReplicaThatFailsFastDoesNotLookFast(t *testing.T) {
	p := ready(1, 1)
	mustTake(t, p, at(100), only(2, 0)).Failed(at(100))
	if g := mustTake(t, p, at(200), nil); g.Name() != "b" {
		t.Errorf("%s was chosen, want b: a failed at once", g.Name())
	}
}

func TestEjectionAndReturn(t *testing.T) {
	p := ready(1, 1, 1)
	fail := func(now time.Time) { mustTake(t, p, now, only(3, 0)).Failed(now) }
	now := failing(t, p, start, only(3, 0))
	for i, away := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if s := find(p, "a"); s.State != balance.Ejected {
			t.Fatalf("after failing it is %s", s.State)
		}
		next, ok := p.Next(now)
		if !ok || next.Sub(now) != away*time.Second {
			t.Fatalf("it is due after %v, want %v s", next.Sub(now), int64(away))
		}
		if due := p.Due(next.Add(-1)); due != nil {
			t.Fatalf("%v are due too early", due)
		}
		now = next
		if due := p.Due(now); len(due) != 1 || due[0] != endpoint(0) {
			t.Fatalf("%v are due, want a", due)
		}
		if due := p.Due(now); due != nil {
			t.Fatalf("%v are asked twice", due)
		}
		if well := i%2 == 0; well {
			p.Asked(endpoint(0), true, now)
			fail(now) // it said that it is well, and one failure is enough now
		} else {
			p.Asked(endpoint(0), false, now)
		}
	}
	next, _ := p.Next(now)
	p.Due(next)
	p.Asked(endpoint(0), true, next)
	mustTake(t, p, next, only(3, 0)).Answered(next)
	fail(next.Add(time.Second))
	if s := find(p, "a"); s.State != balance.Ready {
		t.Errorf("after a good answer one failure made it %s", s.State)
	}
}

func TestAReturningReplicaProvesItselfWithOneRequest(t *testing.T) {
	p := ready(4, 4)
	back, _ := p.Next(failing(t, p, start, only(2, 0)))
	p.Due(back)
	p.Asked(endpoint(0), true, back)
	first := mustTake(t, p, back, only(2, 0))
	if _, ok := take(p, back, only(2, 0)); ok {
		t.Error("it got a second request before it answered the first")
	}
	first.Answered(back)
	if _, ok := take(p, back, only(2, 0)); !ok {
		t.Error("it answered and got nothing more")
	}
}

func TestAnAnswerAboutAnotherProcessDoesNotBringBack(t *testing.T) {
	p := ready(1, 1)
	failing(t, p, start, only(2, 0))
	old := endpoint(0)
	old.URL = "http://where-it-was"
	p.Asked(old, true, start)
	if s := find(p, "a"); s.State != balance.Ejected {
		t.Errorf("it is %s", s.State)
	}
}

func TestNeverTheLastAndAtMostHalf(t *testing.T) {
	for n := 1; n <= 5; n++ {
		slots := make([]int, n)
		for i := range slots {
			slots[i] = 1
		}
		p := ready(slots...)
		for i := range n {
			for j := range 5 {
				if g, ok := take(p, at(1000*j), only(n, i)); ok {
					g.Failed(at(1000 * j))
				}
			}
		}
		ejected := 0
		for _, s := range p.Status() {
			if s.State == balance.Ejected {
				ejected++
			}
		}
		if ejected != n/2 {
			t.Errorf("%d of %d failing replicas were set aside, want %d", ejected, n, n/2)
		}
	}
}

func TestTheLastOneIsTakenBackWhenTheOthersLeave(t *testing.T) {
	p := ready(1, 1)
	failing(t, p, start, only(2, 0))
	p.SetEndpoints([]balance.Endpoint{endpoint(0)})
	if g := mustTake(t, p, start, nil); g.Name() != "a" {
		t.Errorf("sent to %s", g.Name())
	}
}

func TestAFullReplicaIsLeftAloneForAMoment(t *testing.T) {
	p := ready(1, 1)
	now := start
	for _, pause := range []int{10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
		mustTake(t, p, now, only(2, 0)).Full(now)
		if _, ok := take(p, now, only(2, 0)); ok {
			t.Fatal("it was asked again at once")
		}
		next, ok := p.Next(now)
		if !ok || next.Sub(now) != time.Duration(pause)*time.Millisecond {
			t.Fatalf("it is asked again after %v, want %d ms", next.Sub(now), pause)
		}
		now = next
	}
	if s := find(p, "a"); s.State != balance.Ready {
		t.Errorf("overload made it %s: it says nothing about health", s.State)
	}
}

func TestACallerThatLeavesBlamesOnlyWhatWasSlow(t *testing.T) {
	p := ready(1, 1)
	now := start
	for range 64 {
		g := mustTake(t, p, now, only(2, 0))
		now = now.Add(100 * time.Millisecond)
		g.Answered(now)
	}
	for range 20 {
		g := mustTake(t, p, now, only(2, 0))
		now = now.Add(300 * time.Millisecond)
		g.Left(now)
	}
	if s := find(p, "a"); s.State != balance.Ready || s.Latency > 110*time.Millisecond {
		t.Fatalf("callers that left early made it %+v", s)
	}
	for range 3 {
		g := mustTake(t, p, now, only(2, 0))
		now = now.Add(time.Second)
		g.Left(now)
		now = now.Add(time.Second)
	}
	if s := find(p, "a"); s.State != balance.Ejected {
		t.Errorf("nobody stays to see it fail, and it is %s", s.State)
	}
}

func TestPatience(t *testing.T) {
	p := ready(1)
	now := start
	known := func(latency time.Duration) {
		for range 128 {
			g := mustTake(t, p, now, nil)
			now = now.Add(latency)
			g.Answered(now)
		}
	}
	patience := func(left time.Duration) time.Duration {
		g := mustTake(t, p, now, nil)
		defer g.Left(now)
		return g.Patience(left)
	}
	if got := patience(time.Minute); got != 2*time.Second {
		t.Errorf("with few answers known it is %v, want twenty times the tenth of a second that it says", got)
	}
	for _, c := range []struct{ latency, left, want time.Duration }{
		{30 * time.Millisecond, 30 * time.Second, time.Second},
		{30 * time.Millisecond, time.Second, 500 * time.Millisecond},
		{30 * time.Millisecond, 100 * time.Millisecond, 120 * time.Millisecond},
		{600 * time.Millisecond, 30 * time.Second, 2400 * time.Millisecond},
		{600 * time.Millisecond, 3 * time.Second, 2400 * time.Millisecond},
	} {
		known(c.latency)
		if got := patience(c.left); got != c.want {
			t.Errorf("a replica that answers in %v, %v left: %v, want %v", c.latency, c.left, got, c.want)
		}
	}
}

func TestRetryBudget(t *testing.T) {
	var b balance.RetryBudget
	spend := func(now time.Time) int {
		n := 0
		for b.Retry(now) {
			n++
		}
		return n
	}
	if n := spend(start); n != 30 {
		t.Errorf("%d retries without load, want 3/s over ten seconds", n)
	}
	if n := spend(start.Add(9 * time.Second)); n != 0 {
		t.Errorf("%d more nine seconds later", n)
	}
	later := start.Add(10 * time.Second)
	for range 1000 {
		b.Request(later)
	}
	if n := spend(later); n != 100 {
		t.Errorf("%d retries of 1000 requests, want a tenth", n)
	}
}
