package scaling

import (
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawDemand(t *rapid.T, now time.Time) Demand {
	d := Demand{Step: 5 * time.Second, At: now.Add(-rapid.SampledFrom([]time.Duration{0, 4 * time.Second, time.Minute}).Draw(t, "age")), Slots: rapid.IntRange(0, 4).Draw(t, "slots")}
	rate := rapid.OneOf(rapid.Float64Range(0, 300), rapid.Just(0.0), rapid.SampledFrom([]float64{math.NaN(), 1e300, -1, math.Inf(1)}))
	if rapid.Bool().Draw(t, "sane") {
		rate = rapid.Float64Range(0, 300)
	}
	d.Rates = rapid.SliceOfN(rate, 0, 200).Draw(t, "rates")
	d.Capacity = rapid.SampledFrom([]float64{0, 0.5, 20, 500, math.NaN()}).Draw(t, "capacity")
	d.Waiting = rapid.SampledFrom([]float64{0, 3, 2000, math.NaN()}).Draw(t, "waiting")
	d.Answering = rapid.SampledFrom([]float64{0, 30, math.NaN()}).Draw(t, "answering")
	d.StartTime = rapid.SampledFrom([]time.Duration{0, 5 * time.Second, 2 * time.Minute}).Draw(t, "start")
	d.Partial, d.Served = rapid.Bool().Draw(t, "partial"), rapid.Bool().Draw(t, "served")
	d.Err = rapid.SampledFrom([]error{nil, nil, nil, ErrNoData, ErrStale}).Draw(t, "err")
	if rapid.Bool().Draw(t, "history") {
		d.Season = Season{At: now, Minutes: rapid.SliceOfN(rate, 0, 50).Draw(t, "minutes")}
	}
	return d
}

func drawSLO(t *rapid.T) SLO {
	p := SLO{Min: rapid.IntRange(0, 3).Draw(t, "min"), Latency: 250 * time.Millisecond, Interval: 5 * time.Second, Tuning: DefaultTuning()}
	p.Max = p.Min + rapid.IntRange(1, 60).Draw(t, "range")
	p.QueueTimeout = rapid.SampledFrom([]time.Duration{0, 10 * time.Second}).Draw(t, "queue timeout")
	if rapid.Bool().Draw(t, "steps") {
		p.UpSteps = []Step{{Percent: 100, Period: 15 * time.Second}, {Pods: 4, Period: 15 * time.Second}}
		p.DownSteps = []Step{{Pods: 1, Period: 15 * time.Second}}
	}
	return p
}

// Whatever is seen, policy slo keeps these promises.
func TestSLOKeepsItsPromises(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		p := drawSLO(t)
		o := Observation{Replicas: rapid.IntRange(0, p.Max+2).Draw(t, "replicas"), RollingOut: rapid.Bool().Draw(t, "rollout"), Demand: drawDemand(t, now)}
		for range o.Replicas {
			o.Pods = append(o.Pods, podStates[rapid.SampledFrom([]rune("rrrrsnop")).Draw(t, "pod")](now))
		}
		past := drawPast(t, now, o.Replicas)
		d := p.Decide(past, o, now)
		if again := p.Decide(past, o, now); again.To != d.To || again.Reason != d.Reason {
			t.Fatalf("asked twice: %v, then %v", d, again)
		}
		if d.Reason == "" || strings.Contains(d.Reason, "NaN") && d.Hold == HoldNone || d.From != o.Replicas || !d.At.Equal(now) {
			t.Fatalf("a decision that does not tell what it is: %+v", d)
		}
		if d.Hold != HoldNone && d.Changed() {
			t.Fatalf("holds and moves: %v", d)
		}
		if o.Replicas == 0 && p.Min > 0 {
			if d.Hold != HoldPaused {
				t.Fatalf("a person scaled to 0: %v", d)
			}
			return
		}
		if d.Hold == HoldNone && (d.To < p.Min || d.To > p.Max) {
			t.Fatalf("outside %d..%d: %v", p.Min, p.Max, d)
		}
		if o.Replicas < p.Min || o.Replicas > p.Max {
			return // the limits alone decide
		}
		_, err := o.Demand.usable(recallMemory)
		if d.To < d.From && (err != nil || o.Demand.Partial || o.RollingOut || !(o.Demand.Capacity > 0)) {
			t.Fatalf("down without knowing all: %v", d)
		}
		if len(p.UpSteps) > 0 && d.To > highest(p.UpSteps, d.From, past, now) || len(p.DownSteps) > 0 && d.To < lowest(p.DownSteps, d.From, past, now) {
			t.Fatalf("further than the steps allow: %v", d)
		}
	})
}

// More load never means fewer replicas.
func TestSLOIsMonotone(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		p := drawSLO(t)
		p.Min = max(p.Min, 1)
		level := rapid.Float64Range(1, 300).Draw(t, "level")
		o := Observation{Replicas: rapid.IntRange(p.Min, p.Max).Draw(t, "replicas")}
		o.Demand = Demand{Step: 5 * time.Second, At: now, Capacity: 20, Slots: 1, StartTime: 10 * time.Second, Waiting: rapid.Float64Range(0, 100).Draw(t, "waiting")}
		for range 400 {
			o.Demand.Rates = append(o.Demand.Rates, level)
		}
		for range o.Replicas {
			o.Pods = append(o.Pods, podStates['r'](now))
		}
		past := drawPast(t, now, o.Replicas)
		light := p.Decide(past, o, now)
		factor := rapid.Float64Range(1, 10).Draw(t, "factor")
		for i := range o.Demand.Rates {
			o.Demand.Rates[i] *= factor
		}
		if heavy := p.Decide(past, o, now); heavy.To < light.To {
			t.Fatalf("%v, but with %v times the load %v", light, factor, heavy)
		}
		o.Demand.Waiting += rapid.Float64Range(0, 5000).Draw(t, "more waiting")
		heavy := p.Decide(past, o, now)
		o.Demand.Waiting += 1000
		if heavier := p.Decide(past, o, now); heavier.To < heavy.To {
			t.Fatalf("%v, but with a longer queue %v", heavy, heavier)
		}
	})
}

// Days of history: the load doubles at nine each morning, at the second half of a burst of minutes that no trend shows before.
func TestYesterdayIsRemembered(t *testing.T) {
	nine := time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC)
	now := nine.Add(-10 * time.Second)
	d := Demand{Step: 5 * time.Second, At: now, Capacity: 20, Slots: 1, StartTime: 10 * time.Second, Season: Season{At: now.Truncate(time.Minute)}}
	for range 400 {
		d.Rates = append(d.Rates, 60)
	}
	for at := nine.Add(-4 * 24 * time.Hour); at.Before(now.Truncate(time.Minute)); at = at.Add(time.Minute) {
		rate := 60.0
		if at.Hour() >= 9 && at.Hour() < 12 {
			rate = 180
		}
		d.Season.Minutes = append(d.Season.Minutes, rate)
	}
	o := Observation{Replicas: 5, Demand: d}
	for range 5 {
		o.Pods = append(o.Pods, podStates['r'](now))
	}
	p := SLO{Min: 1, Max: 40, Latency: 250 * time.Millisecond, Interval: 5 * time.Second, Tuning: DefaultTuning()}
	if got := p.Decide([]Decision{Start(5, now)}, o, now); got.To < 10 {
		t.Errorf("ten seconds before nine: %v", got)
	}
	o.Demand.Season.At = o.Demand.Season.At.Add(-3 * time.Hour) // the same history, three hours off
	if got := p.Decide([]Decision{Start(5, now)}, o, now); got.Changed() {
		t.Errorf("at another time of day: %v", got)
	}
}

func TestReckoningExplainsItself(t *testing.T) {
	r := Reckoning{Capacity: 20, StaffFor: 200, Replicas: 12, Latency: 250 * time.Millisecond, Slots: 1}
	table := r.Table()
	if len(table) != 6 || table[3].Replicas != 12 || math.Abs(table[3].Load-200.0/240) > 1e-9 {
		t.Fatalf("%+v", table)
	}
	for i := 1; i < len(table); i++ {
		if table[i].Late > table[i-1].Late {
			t.Errorf("more replicas, more late: %+v", table)
		}
	}
}

// A week of ticks leaves memory flat: the policy has none, and what it is told is all it keeps.
func TestAWeekLeavesMemoryFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("a week takes seconds")
	}
	p := SLO{Min: 1, Max: 64, Latency: 250 * time.Millisecond, Interval: 5 * time.Second, Tuning: DefaultTuning()}
	rates := make([]float64, 1000)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	now := time.Unix(1_000_000, 0)
	past := []Decision{Start(5, now)}
	var before uint64
	for tick := range 7 * 24 * 60 { // a tick a minute is a week
		now = now.Add(time.Minute)
		for i := range rates {
			rates[i] = 60 + 40*math.Sin(float64(tick*12+i)/2000)
		}
		o := Observation{Replicas: past[len(past)-1].To, Demand: Demand{Rates: rates, Step: 5 * time.Second, At: now, Capacity: 20, Slots: 1, StartTime: 10 * time.Second}}
		past = append(past, p.Decide(past, o, now))
		for past[0].At.Before(now.Add(-p.Memory())) {
			past = past[1:]
		}
		if tick == 1000 {
			before = heap()
		}
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("%d bytes after a day, %d after a week", before, after)
	}
	runtime.KeepAlive(past)
}
