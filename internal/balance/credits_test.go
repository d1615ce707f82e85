package balance_test

import (
	"fmt"
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"

	"pgregory.net/rapid"
)

// world is a pool and its line, and what must be true of them.
type world struct {
	pool   *balance.Pool
	line   *balance.Line[int]
	now    time.Time
	slots  map[string]int
	grants []*balance.Grant
	names  int // of requests
	inLine map[int]*balance.Ticket[int]
}

// Whatever happens, no replica has more in flight than it has slots and one that was sent ahead, every credit comes back exactly once, and every request that waits is
// served once or leaves.
func TestCredits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			pool: ready(1, 2, 3), line: balance.NewLine[int](20), now: start,
			slots: map[string]int{"a": 1, "b": 2, "c": 3}, inLine: map[int]*balance.Ticket[int]{},
		}
		t.Repeat(map[string]func(*rapid.T){
			"": w.check, "join": w.join, "leave": w.leave, "serve": w.serve, "end": w.end, "time": w.time, "change": w.change, "due": w.due,
		})
	})
}

func (w *world) check(t *rapid.T) {
	total := 0
	for _, s := range w.pool.Status() {
		total += s.InFlight
		if s.InFlight > w.slots[s.Name]+1 {
			t.Fatalf("%s has %d in flight, of %d slots", s.Name, s.InFlight, w.slots[s.Name])
		}
	}
	if total != len(w.grants) {
		t.Fatalf("%d in flight, %d granted", total, len(w.grants))
	}
	if w.line.Len() != len(w.inLine) {
		t.Fatalf("%d in the line, want %d", w.line.Len(), len(w.inLine))
	}
}

func (w *world) join(t *rapid.T) {
	k := &balance.Ticket[int]{
		Client: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "client"), Value: w.names, Arrived: w.now,
		Patient: time.Duration(rapid.IntRange(1, 20_000).Draw(t, "patience")) * time.Millisecond,
		Avoid:   map[string]bool{rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(t, "avoid"): true},
	}
	w.names++
	if _, err := w.line.Join(k, w.now, w.pool.Rate(w.now)); err == nil {
		w.inLine[k.Value] = k
	}
}

func (w *world) leave(t *rapid.T) {
	for name, k := range w.inLine {
		if !w.line.Leave(k) {
			t.Fatalf("%d waits and cannot leave", name)
		}
		delete(w.inLine, name)
		return
	}
	t.Skip("nobody waits")
}

func (w *world) serve(t *rapid.T) {
	c, ok := w.pool.Choose(w.now, nil)
	if !ok {
		t.Skip("no credit is free")
	}
	if c.Place < 1 {
		t.Fatalf("place %d", c.Place)
	}
	k, ok := w.line.Serve(c.Place, c.Name(), w.now, w.pool.Rate(w.now))
	if !ok {
		t.Skip("nobody wants it")
	}
	if w.inLine[k.Value] != k || k.Avoid[c.Name()] {
		t.Fatalf("%d was served: it was not in the line, or avoids %s", k.Value, c.Name())
	}
	delete(w.inLine, k.Value)
	w.grants = append(w.grants, w.pool.Take(c, w.now))
}

func (w *world) end(t *rapid.T) {
	if len(w.grants) == 0 {
		t.Skip("nothing in flight")
	}
	i := rapid.IntRange(0, len(w.grants)-1).Draw(t, "which")
	g := w.grants[i]
	w.grants = append(w.grants[:i], w.grants[i+1:]...)
	end := rapid.SampledFrom([]func(*balance.Grant, time.Time){
		(*balance.Grant).Answered, (*balance.Grant).Failed, (*balance.Grant).Full, (*balance.Grant).Left,
	}).Draw(t, "how")
	end(g, w.now)
	defer func() {
		if recover() == nil {
			t.Fatal("a credit was given back twice")
		}
	}()
	end(g, w.now)
}

func (w *world) time(t *rapid.T) {
	longest := rapid.SampledFrom([]int{100, 5000}).Draw(t, "longest") // about what a request takes, or far longer
	w.now = w.now.Add(time.Duration(rapid.IntRange(1, longest).Draw(t, "ms")) * time.Millisecond)
}

func (w *world) change(t *rapid.T) {
	var listed []balance.Endpoint
	for i := range 3 {
		if rapid.Bool().Draw(t, fmt.Sprint("listed ", i)) {
			e := endpoint(i)
			e.Serving = rapid.Bool().Draw(t, fmt.Sprint("serving ", i))
			listed = append(listed, e)
		}
	}
	w.pool.SetEndpoints(listed)
	for name, n := range w.slots {
		w.pool.Learn(name, balance.Said{Slots: n, Capacity: 1, Load: rapid.IntRange(-1, 5).Draw(t, "load")}, w.now)
	}
}

func (w *world) due(t *rapid.T) {
	for _, e := range w.pool.Due(w.now) {
		w.pool.Asked(e, rapid.Bool().Draw(t, "well"), w.now)
	}
}
