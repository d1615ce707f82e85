package balance_test

import (
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"
)

var start = time.Unix(1_700_000_000, 0)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// ready makes a pool of replicas a, b, c … with these slots, whose requests take a tenth of a second by what they say. They have shown to
// bear as many requests as they have slots.
func ready(slots ...int) *balance.Pool {
	p := balance.NewPool()
	var endpoints []balance.Endpoint
	for i := range slots {
		endpoints = append(endpoints, endpoint(i))
	}
	p.SetEndpoints(endpoints)
	for i, n := range slots {
		p.Learn(endpoint(i).Name, said(n), start)
		for range n {
			g, _ := take(p, at(-100), only(len(slots), i))
			g.Answered(start)
		}
	}
	return p
}

func said(slots int) balance.Said {
	return balance.Said{Slots: slots, Capacity: 10 * float64(slots), Load: -1}
}

func endpoint(i int) balance.Endpoint {
	name := string(rune('a' + i))
	return balance.Endpoint{Name: name, URL: "http://" + name, Serving: true}
}

// only skips all of n replicas but one.
func only(n, i int) map[string]bool {
	skip := map[string]bool{}
	for j := range n {
		skip[endpoint(j).Name] = j != i
	}
	return skip
}

func take(p *balance.Pool, now time.Time, skip map[string]bool) (*balance.Grant, bool) {
	c, ok := p.Choose(now, skip)
	if !ok {
		return nil, false
	}
	return p.Take(c, now), true
}

func mustTake(t *testing.T, p *balance.Pool, now time.Time, skip map[string]bool) *balance.Grant {
	t.Helper()
	g, ok := take(p, now, skip)
	if !ok {
		t.Fatalf("no credit is free: %+v", p.Status())
	}
	return g
}

func find(p *balance.Pool, name string) (found balance.Status) {
	for _, s := range p.Status() {
		if s.Name == name {
			found = s
		}
	}
	return found
}

func TestNoReplicaQueuesWhileAnotherIdles(t *testing.T) {
	p := ready(2, 4)
	given := map[string]int{}
	for range 6 {
		given[mustTake(t, p, start, nil).Name()]++
	}
	if given["a"] != 2 || given["b"] != 4 {
		t.Errorf("credits given %v, want 2 and 4", given)
	}
	if g, ok := take(p, start, nil); ok {
		t.Errorf("a seventh request went to %s: every slot is taken", g.Name())
	}
}

func TestTheLeastLoadedOfLargeReplicas(t *testing.T) {
	p := ready(4, 4)
	given := map[string]int{}
	for range 4 {
		given[mustTake(t, p, start, nil).Name()]++
	}
	if given["a"] != 2 || given["b"] != 2 {
		t.Errorf("four requests went %v, want two to each", given)
	}
}

func TestOfEqualsTheOneThatRestedLongest(t *testing.T) {
	p := ready(1, 1, 1)
	order := ""
	for i := range 6 {
		g := mustTake(t, p, at(200*i), nil)
		order += g.Name()
		g.Answered(at(200*i + 100 + 5*(i%3))) // one of them is a little quicker, as always
	}
	if order != "abcabc" {
		t.Errorf("the order is %s: a replica works while others rest", order)
	}
}

func TestANewReplicaProvesItself(t *testing.T) {
	p := balance.NewPool()
	p.SetEndpoints([]balance.Endpoint{endpoint(0)})
	if _, ok := take(p, start, nil); ok || find(p, "a").State != balance.Connecting {
		t.Fatalf("a replica that has not said what it can do got a request: %+v", p.Status())
	}
	p.Learn("a", said(4), start)
	for want := 1; want <= 4; want++ {
		var grants []*balance.Grant
		for g, ok := take(p, start, nil); ok; g, ok = take(p, start, nil) {
			grants = append(grants, g)
		}
		if len(grants) != want {
			t.Fatalf("it got %d requests at once, want %d: one more for each answer", len(grants), want)
		}
		grants[0].Answered(at(100))
		for _, g := range grants[1:] {
			g.Left(at(100))
		}
	}
}

// A slow replica takes 400 ms, seven quick ones 100 ms each: of those who wait, 70 a second go on. Whoever has fewer than 21 before them is
// answered sooner by waiting.
func TestASlowReplicaIsForThoseWhoWouldWaitLonger(t *testing.T) {
	p := ready(1, 1, 1, 1, 1, 1, 1, 1)
	slow := only(8, 0)
	for i := range 40 {
		mustTake(t, p, at(400*i), slow).Answered(at(400*i + 400))
	}
	now := at(400 * 40)
	quick := map[string]bool{"a": true}
	for i := range 8 {
		c, ok := p.Choose(now, nil)
		if i < 7 && (!ok || c.Name() == "a" || c.Place != 1) {
			t.Fatalf("request %d: %s for place %d, want a quick one for the next", i, c.Name(), c.Place)
		}
		if i == 7 && (!ok || c.Name() != "a" || c.Place < 20 || c.Place > 22 || c.Again <= 0) {
			t.Errorf("with all quick ones busy: %s for place %d, again after %v; want a for about the 21st", c.Name(), c.Place, c.Again)
		}
		take(p, now, quick)
	}
}

// Of a replica that says nothing and has answered nothing it is not known when it will be free: those who wait do not reckon with it.
func TestAReplicaOfUnknownRateHelpsNobodyWait(t *testing.T) {
	p := ready(1, 1)
	for i := range 40 {
		mustTake(t, p, at(400*i), only(2, 0)).Answered(at(400*i + 400))
	}
	now := at(400 * 40)
	mustTake(t, p, now, only(2, 1))
	alone, _ := p.Choose(now, nil)
	p.SetEndpoints([]balance.Endpoint{endpoint(0), endpoint(1), endpoint(2)})
	p.Learn(endpoint(2).Name, balance.Said{Slots: 4, Load: -1}, now)
	for {
		if _, ok := take(p, now, only(3, 2)); !ok {
			break
		}
	}
	if c, _ := p.Choose(now, nil); alone.Name() != "a" || c.Name() != "a" || c.Place != alone.Place {
		t.Errorf("%s for place %d beside a stranger, %s for place %d without", c.Name(), c.Place, alone.Name(), alone.Place)
	}
}

func TestASlowReplicaIsTriedAgainInTime(t *testing.T) {
	p := ready(1, 1)
	mustTake(t, p, start, only(2, 0)).Answered(at(3000))
	busy := mustTake(t, p, at(3000), only(2, 1))
	if c, _ := p.Choose(at(3000), nil); c.Place < 5 {
		t.Errorf("right after it was slow it is for place %d", c.Place)
	}
	busy.Answered(at(3100))
	for s := 4; s < 60; s++ {
		if g := mustTake(t, p, at(1000*s), nil); g.Name() == "a" {
			return
		} else {
			g.Answered(at(1000*s + 100))
		}
	}
	t.Error("it was slow once and got nothing for a minute, with nothing else to do")
}

func TestAHangingReplicaIsSlowBeforeItAnswers(t *testing.T) {
	p := ready(2, 2)
	mustTake(t, p, start, only(2, 0)) // never answered
	if g := mustTake(t, p, at(2000), nil); g.Name() != "b" {
		t.Errorf("a request went to %s, where another one has been for two seconds", g.Name())
	}
}

func TestOtherDispatchersRequestsCount(t *testing.T) {
	p := ready(1, 1)
	p.Learn("a", balance.Said{Slots: 1, Capacity: 10, Load: 1}, start)
	p.Learn("b", balance.Said{Slots: 1, Capacity: 10, Load: 0}, start)
	for range 3 {
		g := mustTake(t, p, at(10), nil)
		if g.Name() != "b" {
			t.Fatalf("a request went to %s, which works for another dispatcher", g.Name())
		}
		g.Left(at(10))
	}
	mustTake(t, p, at(10), nil)
	if c, ok := p.Choose(at(10), nil); !ok || c.Name() != "a" {
		t.Error("with b busy too, a must do: its own queue is short")
	}
	if c, ok := p.Choose(at(150), nil); !ok || c.Place != 1 {
		t.Errorf("it is for place %d, though what another dispatcher had there must have ended", c.Place)
	}
}

func TestOwnRequestsAreNotAnothers(t *testing.T) {
	p := ready(2, 2)
	g := mustTake(t, p, start, only(2, 0))
	p.Learn("a", balance.Said{Slots: 2, Capacity: 20, Load: 1}, start)
	g.Left(start)
	given := map[string]int{}
	for range 2 {
		given[mustTake(t, p, start, nil).Name()]++
	}
	if given["a"] != 1 || given["b"] != 1 {
		t.Errorf("two requests went %v", given)
	}
}

func TestRateAndUsualAreOfThoseThatTakeRequests(t *testing.T) {
	p := ready(1, 2)
	if rate, usual := p.Rate(start), p.Usual(); rate < 29 || rate > 31 || usual != 100*time.Millisecond {
		t.Errorf("%v a second, usually %v; three slots of a tenth of a second finish 30", rate, usual)
	}
	leaving := endpoint(1)
	leaving.Serving = false
	p.SetEndpoints([]balance.Endpoint{endpoint(0), leaving})
	if rate := p.Rate(start); rate < 9 || rate > 11 {
		t.Errorf("%v a second with one replica leaving", rate)
	}
	if rate := balance.NewPool().Rate(start); rate != 0 {
		t.Errorf("no replicas finish %v a second", rate)
	}
}

func TestALeavingReplicaFinishesWhatItHas(t *testing.T) {
	p := ready(1)
	g := mustTake(t, p, start, nil)
	leaving := endpoint(0)
	leaving.Serving = false
	p.SetEndpoints([]balance.Endpoint{leaving})
	if _, ok := take(p, start, nil); ok || find(p, "a").State != balance.Draining || p.Staying() != 0 {
		t.Errorf("a leaving replica got a request, or stays: %+v", p.Status())
	}
	p.SetEndpoints(nil)
	if s := find(p, "a"); s.State != balance.Draining || s.InFlight != 1 {
		t.Errorf("it is %+v with a request in flight", s)
	}
	g.Answered(at(1))
	if len(p.Status()) != 0 {
		t.Errorf("it is still there after its last answer: %+v", p.Status())
	}
}

func TestARestartedReplicaStartsAnew(t *testing.T) {
	p := ready(1)
	old := mustTake(t, p, start, nil)
	moved := endpoint(0)
	moved.URL = "http://elsewhere"
	p.SetEndpoints([]balance.Endpoint{moved})
	if s := find(p, "a"); s.State != balance.Connecting {
		t.Errorf("a is %s at its new address", s.State)
	}
	p.Learn("a", said(1), start)
	old.Failed(start) // the old process' request comes back late
	if g := mustTake(t, p, start, nil); g.URL() != "http://elsewhere" {
		t.Errorf("sent to %s", g.URL())
	}
}
