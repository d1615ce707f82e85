package scaling

import (
	"math"
	"testing"
	"time"
)

// exactLateness iterates the queue's distribution until it rests, and sums it: slow, and without an approximation.
func exactLateness(slots int, erlangs, wait float64) float64 {
	const most = 2000
	queue := make([]float64, most)
	queue[0] = 1
	for range 3000 {
		next := make([]float64, most)
		for q, p := range queue {
			if p < 1e-16 {
				continue
			}
			for x := 0; x < most; x++ {
				came := poisson(erlangs, float64(x))
				if float64(x) > erlangs && came < 1e-14 {
					break
				}
				next[min(max(0, q+x-slots), most-1)] += p * came
			}
		}
		change := 0.0
		for i := range queue {
			change += math.Abs(queue[i] - next[i])
		}
		queue = next
		if change < 1e-10 {
			break
		}
	}
	rounds := math.Floor(wait) + 1
	late := 0.0
	for q, p := range queue {
		late += p * poissonTail(erlangs*(rounds-wait), rounds*float64(slots)-float64(q))
	}
	return late
}

func TestLatenessIsThatOfTheQueue(t *testing.T) {
	for _, c := range []struct {
		slots         int
		erlangs, wait float64
	}{{1, 0.5, 0.5}, {2, 1.5, 1}, {4, 3.2, 3}, {4, 2.5, 0.4}, {12, 7.2, 0.39}, {14, 7.2, 0.39}, {12, 11, 1.2}, {30, 26, 0.39}, {64, 58, 0.4}, {4, 3.8, 54}} {
		exact, got := exactLateness(c.slots, c.erlangs, c.wait), lateness(float64(c.slots), c.erlangs, c.wait)
		if math.Abs(got-exact) > 0.3*exact {
			t.Errorf("%d slots, %v erlangs, %v service times: %.5f, exactly %.5f", c.slots, c.erlangs, c.wait, got, exact)
		}
	}
}

func TestLatenessAtItsEdges(t *testing.T) {
	for name, c := range map[string]struct{ got, want float64 }{
		"no load":             {lateness(3, 0, 1), 0},
		"too much":            {lateness(3, 3, 1), 1},
		"no patience":         {lateness(3, 1, -0.1), 1},
		"a thousand, idle":    {lateness(1000, 100, 1), 0},
		"a tail from nothing": {poissonTail(5, 0), 1},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// The formula that stands in for long sums agrees with them.
func TestPoissonTail(t *testing.T) {
	for _, c := range []struct{ mean, from float64 }{{20, 30}, {20, 45}, {100, 120}, {400, 430}, {400, 401}} {
		sum := 0.0
		for k := c.from; k < c.from+400; k++ {
			sum += poisson(c.mean, k)
		}
		if got := poissonTail(c.mean, c.from); math.Abs(got-sum) > 0.02*sum {
			t.Errorf("%v or more of a mean of %v: %v, summed %v", c.from, c.mean, got, sum)
		}
	}
}

func TestStaffing(t *testing.T) {
	s := station{capacity: 20, slots: 1, latency: 250 * time.Millisecond}
	before := 0
	for rate := 0.0; rate <= 1000; rate += 5 {
		n := s.staff(rate, 0.001, 1000)
		busy := func(n int) float64 { return rate / (20 * float64(n)) }
		if n < before || s.late(n, rate) > 0.001 || busy(n) > 0.98 || n > 1 && s.late(n-1, rate) <= 0.001 && busy(n-1) <= 0.98 {
			t.Fatalf("%v rps: %d replicas after %d, %v late, %v busy", rate, n, before, s.late(n, rate), busy(n))
		}
		before = n
	}
	if n := s.staff(1000, 0.001, 10); n != 10 {
		t.Errorf("%d replicas, of 10 at most", n)
	}
	quick := station{capacity: 200, slots: 1, latency: 250 * time.Millisecond}
	if n := quick.staff(1990, 0.001, 100); n != 11 {
		t.Errorf("%d replicas for 1990 rps, where 10 would be 99.5 %% busy", n)
	}
	clumped := station{capacity: 20, slots: 1, latency: 250 * time.Millisecond, clumping: 4}
	if a, b := s.staff(200, 0.001, 100), clumped.staff(200, 0.001, 100); b <= a {
		t.Errorf("%d replicas for requests in clumps, %d for others", b, a)
	}
	slow := station{capacity: 2, slots: 1, latency: 250 * time.Millisecond}
	if n := slow.staff(14, 0.001, 100); !slow.hopeless() || n != 10 {
		t.Errorf("an SLO that cannot be kept: %d replicas, want 10 at 70 %%", n)
	}
}

func BenchmarkDecideSLO(b *testing.B) {
	rates := make([]float64, 5000)
	for i := range rates {
		rates[i] = 200 + 50*math.Sin(float64(i)/100) + float64(i*7919%13)
	}
	now := time.Unix(1_000_000, 0)
	o := Observation{Replicas: 14, Demand: Demand{Rates: rates, Step: 5 * time.Second, At: now, Capacity: 20, Slots: 1, StartTime: 10 * time.Second}}
	p := SLO{Min: 1, Max: 64, Latency: 250 * time.Millisecond, Interval: 5 * time.Second, Tuning: DefaultTuning()}
	past := []Decision{Start(14, now)}
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(past, o, now)
	}
}
