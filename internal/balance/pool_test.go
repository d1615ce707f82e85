package balance_test

import (
	"fmt"
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"

	"pgregory.net/rapid"
)

var start = time.Unix(1_700_000_000, 0)

// ready makes a pool of replicas a, b, c … with these slots.
func ready(slots ...int) *balance.Pool {
	p := balance.NewPool()
	var endpoints []balance.Endpoint
	for i := range slots {
		endpoints = append(endpoints, endpoint(i))
	}
	p.SetEndpoints(endpoints)
	for i, n := range slots {
		p.Learn(endpoint(i).Name, n, float64(n))
	}
	return p
}

func endpoint(i int) balance.Endpoint {
	name := string(rune('a' + i))
	return balance.Endpoint{Name: name, URL: "http://" + name, Serving: true}
}

func pick(t *testing.T, p *balance.Pool, now time.Time) *balance.Grant {
	t.Helper()
	g, ok := p.Pick(now, nil)
	if !ok {
		t.Fatalf("no credit is free: %+v", p.Status(now))
	}
	return g
}

func state(p *balance.Pool, now time.Time, name string) balance.State {
	for _, s := range p.Status(now) {
		if s.Name == name {
			return s.State
		}
	}
	return "unknown"
}

func TestNoReplicaQueuesWhileAnotherIdles(t *testing.T) {
	p := ready(2, 4)
	given := map[string]int{}
	for range 6 {
		given[pick(t, p, start).Name()]++
	}
	if given["a"] != 2 || given["b"] != 4 {
		t.Errorf("credits given %v, want 2 and 4", given)
	}
	if g, ok := p.Pick(start, nil); ok {
		t.Errorf("a seventh request went to %s: every slot is taken", g.Name())
	}
}

func TestOfEquallyOccupiedReplicasTheFastest(t *testing.T) {
	p := ready(1, 1)
	a, b := pick(t, p, start), pick(t, p, start)
	a.Answered(200 * time.Millisecond)
	b.Answered(50 * time.Millisecond)
	if g := pick(t, p, start); g.Name() != "b" {
		t.Errorf("%s was picked, want b, which answers faster", g.Name())
	}
}

func TestAReplicaThatFailsFastDoesNotLookFast(t *testing.T) {
	p := ready(1, 1)
	a, b := pick(t, p, start), pick(t, p, start)
	a.Failed(start, time.Second)
	b.Answered(300 * time.Millisecond)
	if g := pick(t, p, start); g.Name() != "b" {
		t.Errorf("%s was picked, want b: a failed at once", g.Name())
	}
}

func TestEjectionAndReturn(t *testing.T) {
	p := ready(1, 1, 1)
	fail := func(now time.Time) {
		g, ok := p.Pick(now, map[string]bool{"b": true, "c": true})
		if !ok {
			t.Fatalf("a has no credit: %+v", p.Status(now))
		}
		g.Failed(now, time.Second)
	}
	now := start
	for range 3 {
		fail(now)
	}
	if s := state(p, now, "a"); s != balance.Ejected {
		t.Fatalf("after three failures in a row a is %s", s)
	}
	for _, away := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		at, ok := p.NextReturn(now)
		if !ok || at.Sub(now) != away*time.Second {
			t.Fatalf("a returns after %v, want %v s", at.Sub(now), int64(away))
		}
		now = at
		if s := state(p, now, "a"); s != balance.Ready {
			t.Fatalf("a is %s when its time is over", s)
		}
		fail(now) // one failure is enough now
	}
	at, _ := p.NextReturn(now)
	g, ok := p.Pick(at, map[string]bool{"b": true, "c": true})
	if !ok {
		t.Fatal("a did not come back")
	}
	g.Answered(time.Millisecond)
	fail(at)
	if s := state(p, at, "a"); s != balance.Ready {
		t.Errorf("after a good answer one failure made a %s", s)
	}
}

func TestAReturningReplicaProvesItselfWithOneRequest(t *testing.T) {
	p := ready(4, 4)
	avoid := map[string]bool{"b": true}
	for range 3 {
		g, _ := p.Pick(start, avoid)
		g.Failed(start, time.Second)
	}
	back, _ := p.NextReturn(start)
	first, ok := p.Pick(back, avoid)
	if !ok {
		t.Fatal("a did not come back")
	}
	if _, ok := p.Pick(back, avoid); ok {
		t.Error("a got a second request before it answered the first")
	}
	first.Answered(time.Millisecond)
	for range 4 {
		if _, ok := p.Pick(back, avoid); !ok {
			t.Error("a does not have all its credits back")
		}
	}
}

func TestNeverTheLastAndAtMostHalf(t *testing.T) {
	for n := 1; n <= 5; n++ {
		p := ready(make5(n)...)
		for i := range n {
			others := map[string]bool{}
			for j := range n {
				others[endpoint(j).Name] = j != i
			}
			for range 5 {
				if g, ok := p.Pick(start, others); ok {
					g.Failed(start, time.Second)
				}
			}
		}
		ejected := 0
		for _, s := range p.Status(start) {
			if s.State == balance.Ejected {
				ejected++
			}
		}
		if ejected != n/2 {
			t.Errorf("%d of %d failing replicas were set aside, want %d", ejected, n, n/2)
		}
	}
}

func make5(n int) []int {
	slots := make([]int, n)
	for i := range slots {
		slots[i] = 1
	}
	return slots
}

func TestOverloadSaysNothingAboutHealth(t *testing.T) {
	p := ready(1, 1)
	for range 20 {
		g, _ := p.Pick(start, map[string]bool{"b": true})
		g.Neutral()
	}
	if s := state(p, start, "a"); s != balance.Ready {
		t.Errorf("a is %s", s)
	}
}

func TestALeavingReplicaFinishesWhatItHas(t *testing.T) {
	p := ready(1)
	g := pick(t, p, start)
	leaving := endpoint(0)
	leaving.Serving = false
	p.SetEndpoints([]balance.Endpoint{leaving})
	if s := state(p, start, "a"); s != balance.Draining {
		t.Errorf("a is %s", s)
	}
	if _, ok := p.Pick(start, nil); ok {
		t.Error("a leaving replica got a request")
	}
	p.SetEndpoints(nil)
	if s := state(p, start, "a"); s != balance.Draining {
		t.Errorf("a is %s with a request in flight", s)
	}
	g.Answered(time.Millisecond)
	if s := state(p, start, "a"); s != "unknown" {
		t.Errorf("a is %s after its last answer", s)
	}
}

func TestARestartedReplicaStartsAnew(t *testing.T) {
	p := ready(1)
	old := pick(t, p, start)
	moved := endpoint(0)
	moved.URL = "http://elsewhere"
	p.SetEndpoints([]balance.Endpoint{moved})
	if s := state(p, start, "a"); s != balance.Connecting {
		t.Errorf("a is %s at its new address", s)
	}
	p.Learn("a", 1, 1)
	old.Failed(start, time.Second) // the old process' request comes back late
	if g := pick(t, p, start); g.URL() != "http://elsewhere" {
		t.Errorf("sent to %s", g.URL())
	}
}

// Whatever happens, no replica has more in flight than it has slots, and every credit comes back.
func TestCredits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, now := ready(1, 2, 3), start
		slots := map[string]int{"a": 1, "b": 2, "c": 3}
		var grants []*balance.Grant
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				total := 0
				for _, s := range p.Status(now) {
					total += s.InFlight
					if s.InFlight < 0 || s.InFlight > slots[s.Name] {
						t.Fatalf("%s has %d in flight of %d slots", s.Name, s.InFlight, slots[s.Name])
					}
				}
				if total != len(grants) {
					t.Fatalf("%d in flight, %d granted", total, len(grants))
				}
			},
			"pick": func(*rapid.T) {
				if g, ok := p.Pick(now, nil); ok {
					grants = append(grants, g)
				}
			},
			"end": func(t *rapid.T) {
				if len(grants) == 0 {
					t.Skip("nothing in flight")
				}
				i := rapid.IntRange(0, len(grants)-1).Draw(t, "which")
				g := grants[i]
				grants = append(grants[:i], grants[i+1:]...)
				switch rapid.IntRange(0, 2).Draw(t, "how") {
				case 0:
					g.Answered(time.Millisecond)
				case 1:
					g.Failed(now, time.Second)
				default:
					g.Neutral()
				}
			},
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond)
			},
			"change": func(t *rapid.T) {
				var listed []balance.Endpoint
				for i := range 3 {
					if rapid.Bool().Draw(t, fmt.Sprint("listed ", i)) {
						e := endpoint(i)
						e.Serving = rapid.Bool().Draw(t, fmt.Sprint("serving ", i))
						listed = append(listed, e)
					}
				}
				p.SetEndpoints(listed)
				for name, n := range slots {
					p.Learn(name, n, 1)
				}
			},
		})
	})
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
