package balance_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"
)

type ticket = balance.Ticket[string]

func patient(client, name string, now time.Time, patience time.Duration) *ticket {
	return &ticket{Client: client, Value: name, Arrived: now, Patient: patience}
}

// join tells how long the request is foreseen to wait.
func join(t *testing.T, l *balance.Line[string], k *ticket, now time.Time, rate float64) time.Duration {
	t.Helper()
	wait, err := l.Join(k, now, rate)
	if err != nil {
		t.Fatalf("%s: %v", k.Value, err)
	}
	return wait
}

// served is the order in which all that wait leave.
func served(l *balance.Line[string]) (order []string) {
	for k, ok := l.Serve(1, "a", start, 10); ok; k, ok = l.Serve(1, "a", start, 10) {
		order = append(order, k.Value)
	}
	return order
}

func wantOrder(t *testing.T, l *balance.Line[string], want ...string) {
	t.Helper()
	if got := served(l); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("served %v, want %v", got, want)
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	l := balance.NewLine[string](100)
	for i := range 5 {
		if wait := join(t, l, patient("one", fmt.Sprint(i), at(i), time.Second), at(i), 10); wait != time.Duration(i)*100*time.Millisecond {
			t.Errorf("request %d is foreseen to wait %v", i, wait)
		}
	}
	wantOrder(t, l, "0", "1", "2", "3", "4")
}

func TestAFloodWaitsBehindOthers(t *testing.T) {
	l := balance.NewLine[string](1000)
	for i := range 500 {
		join(t, l, patient("flood", "flood", at(i), time.Second), at(i), 100)
	}
	for i := range 3 {
		if wait := join(t, l, patient("small", "small", at(500+i), time.Second), at(500+i), 100); wait > time.Duration(600+20*i)*time.Millisecond {
			t.Errorf("request %d of the small client waits %v", i, wait)
		}
	}
}

func TestTwoFloodsShare(t *testing.T) {
	l := balance.NewLine[string](1000)
	for i := range 200 {
		join(t, l, patient("one", "one", at(i), time.Second), at(i), 100)
		join(t, l, patient("two", "two", at(i), time.Second), at(i), 100)
	}
	counts := map[string]int{}
	for _, name := range served(l)[:100] {
		counts[name]++
	}
	if counts["one"] < 45 || counts["one"] > 55 {
		t.Errorf("the first hundred are %v", counts)
	}
}

func TestTheLastPlacesAreForThoseWhoHaveNone(t *testing.T) {
	l := balance.NewLine[string](90)
	n := 0
	for ; ; n++ {
		if _, err := l.Join(patient("flood", "f", start, time.Second), start, 10); err != nil {
			if !errors.Is(err, balance.ErrFull) {
				t.Fatal(err)
			}
			break
		}
	}
	if n != 80 {
		t.Errorf("one client took %d of 90 places, want eight ninths", n)
	}
	for i := range 9 {
		join(t, l, patient(fmt.Sprint("small", i), "s", start, time.Second), start, 10)
	}
	alone := balance.NewLine[string](2)
	join(t, alone, patient("one", "1", start, time.Second), start, 10)
	join(t, alone, patient("one", "2", start, time.Second), start, 10)
	if _, err := alone.Join(patient("two", "3", start, time.Second), start, 10); !errors.Is(err, balance.ErrFull) {
		t.Errorf("a third of two places: %v", err)
	}
}

func TestTheImpatientGoALittleBefore(t *testing.T) {
	l := balance.NewLine[string](100)
	join(t, l, patient("one", "patient", start, 10*time.Second), start, 1000)
	join(t, l, patient("two", "soon", at(2000), 100*time.Millisecond), at(2000), 1000)
	join(t, l, patient("three", "late", at(3000), 100*time.Millisecond), at(3000), 1000)
	wantOrder(t, l, "soon", "patient", "late")
}

func TestARetriedRequestHasItsOldPlace(t *testing.T) {
	l := balance.NewLine[string](100)
	first := patient("one", "first", start, time.Second)
	join(t, l, first, start, 10)
	l.Serve(1, "a", start, 10)
	join(t, l, patient("one", "second", at(1), time.Second), at(1), 10)
	if wait := join(t, l, first, at(50), 10); wait != 0 {
		t.Errorf("it waits %v behind those that came after it", wait)
	}
	wantOrder(t, l, "first", "second")
}

func TestServeByPlaceAndAvoidance(t *testing.T) {
	l := balance.NewLine[string](100)
	for i := range 5 {
		k := patient("one", fmt.Sprint(i), at(i), time.Second)
		k.Avoid = map[string]bool{"bad": i == 2 || i == 3}
		join(t, l, k, at(i), 10)
	}
	if k, ok := l.Serve(3, "bad", start, 10); !ok || k.Value != "4" {
		t.Errorf("served %+v, want the first at place 3 or behind that takes it", k)
	}
	if k, ok := l.Serve(5, "good", start, 10); ok {
		t.Errorf("served %+v, though only four wait", k)
	}
	wantOrder(t, l, "0", "1", "2", "3")
}

func TestLeaving(t *testing.T) {
	l := balance.NewLine[string](100)
	a, b := patient("one", "a", start, time.Second), patient("one", "b", start, time.Second)
	join(t, l, a, start, 10)
	join(t, l, b, at(1), 10)
	if !l.Leave(a) || l.Leave(a) {
		t.Error("a request leaves once")
	}
	wantOrder(t, l, "b")
	if l.Leave(b) {
		t.Error("one that was served cannot leave")
	}
}

func TestThoseRefusedComeAgainOneByOne(t *testing.T) {
	var c balance.Comings
	for i, want := range []int{2100, 2200, 2300} {
		if got := c.Next(start, 2*time.Second, 10); got != time.Duration(want)*time.Millisecond {
			t.Errorf("caller %d is told %v, want %d ms", i, got, want)
		}
	}
	for range 1000 {
		c.Next(start, 0, 10)
	}
	if got := c.Next(start, 0, 10); got != 30*time.Second {
		t.Errorf("told %v, want the most", got)
	}
	if got := c.Next(at(60_000), 0, 0); got != time.Second {
		t.Errorf("with nothing known of the pace, told %v", got)
	}
}

// The replicas are half as quick as was thought.
func TestForeseenWaitsAreCorrected(t *testing.T) {
	l := balance.NewLine[string](1000)
	now := start
	for range 20 {
		join(t, l, patient("one", "x", now, time.Second), now, 100)
	}
	var wait time.Duration
	for range 2000 {
		now = now.Add(20 * time.Millisecond)
		wait = join(t, l, patient("one", "x", now, time.Second), now, 100)
		if _, ok := l.Serve(1, "a", now, 100); !ok {
			t.Fatal("nobody waits")
		}
	}
	if wait < 370*time.Millisecond || wait > 430*time.Millisecond {
		t.Errorf("behind twenty, at fifty a second, it is foreseen to wait %v", wait)
	}
}

// With fewer replicas the rate is another one: that is no reason to mistrust it.
func TestFewerReplicasAreNoSlowerReplicas(t *testing.T) {
	l := balance.NewLine[string](1000)
	now := start
	for range 200 {
		join(t, l, patient("one", "x", now, time.Second), now, 1000)
	}
	for range 150 {
		now = now.Add(10 * time.Millisecond)
		if _, ok := l.Serve(1, "a", now, 100); !ok {
			t.Fatal("nobody waits")
		}
	}
	if wait := join(t, l, patient("one", "x", now, time.Second), now, 100); wait < 490*time.Millisecond || wait > 510*time.Millisecond {
		t.Errorf("behind fifty, at a hundred a second, it is foreseen to wait %v", wait)
	}
}
