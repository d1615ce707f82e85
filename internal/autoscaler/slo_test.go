package autoscaler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/autoscaler"
	"resnet-autoscaling/internal/scaling"
)

func TestSLOFollowsTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := sloLoop(t, at(0, 8, 20*minute, 40), nil)
		time.Sleep(10 * time.Minute)
		l.runFor(t, 9*time.Minute)
		if d := l.last(); d.To != 2 || d.Hold != scaling.HoldNone || d.Reckoning == nil || math.Abs(d.Reckoning.Load-8) > 1e-9 {
			t.Errorf("8 rps: %v", d)
		}
		l.runFor(t, 4*time.Minute)
		d := l.last()
		if d.To < 5 || d.To > 7 {
			t.Errorf("40 rps: %v", d)
		}
		in := d.Inputs
		if in == nil || in.Ready != d.To || in.Demand == nil || in.Demand.Known < 20*minute || in.Demand.Slots != 1 || len(d.Staffing) < 3 {
			t.Errorf("it does not tell what it was made from: %+v", in)
		}
		for name, want := range map[string]float64{"offered": 40, "capacity": 10 * float64(d.To), "waiting": 0} {
			if got := l.count(t, "autoscaler_signal", name); math.Abs(got-want) > 1e-6 {
				t.Errorf("signal %s is %v, want %v", name, got, want)
			}
		}
		for query, n := range w.asked {
			if strings.Contains(query, "offset") && n > 2 {
				t.Errorf("history was looked up %d times in 13 minutes, by two leads", n)
			}
		}
	})
}

func TestSLONeverShrinksOnWhatItDoesNotKnow(t *testing.T) {
	for name, c := range map[string]struct {
		faults map[string]error
		values map[string]float64
		hold   scaling.Hold
		change func(*world)
	}{
		"nobody answers":              {faults: map[string]error{"": fmt.Errorf("%w: refused", scaling.ErrFailed)}, hold: scaling.HoldFailed},
		"the clock is not told":       {faults: map[string]error{"clock": scaling.ErrFailed}, hold: scaling.HoldFailed},
		"arrivals cannot be asked":    {faults: map[string]error{"dispatcher_arrivals_total": scaling.ErrFailed}, hold: scaling.HoldFailed},
		"a duplicate series":          {faults: map[string]error{"dispatcher_arrivals_total": fmt.Errorf("%w: two series for pod a", scaling.ErrInvalid)}, hold: scaling.HoldInvalid},
		"the dispatchers vanished":    {values: map[string]float64{"count(last_over_time": 1}, hold: scaling.HoldStale, change: func(w *world) { w.dispatchers = 0 }},
		"Prometheus scrapes no more":  {values: map[string]float64{"count(last_over_time": 1}, hold: scaling.HoldStale, change: func(w *world) { w.scraped = time.Now() }},
		"not a number":                {hold: scaling.HoldInvalid, change: func(w *world) { w.offered = func(time.Duration) float64 { return math.NaN() } }},
		"negative":                    {hold: scaling.HoldInvalid, change: func(w *world) { w.offered = func(time.Duration) float64 { return -5 } }},
		"a dispatcher is not scraped": {values: map[string]float64{"count(up": 1}, hold: scaling.HoldPartial},
		"the queue is not known":      {faults: map[string]error{"dispatcher_queue_length": scaling.ErrFailed}, hold: scaling.HoldPartial},
		"the capacity is not known":   {faults: map[string]error{"inference_capacity_rps": scaling.ErrFailed}, hold: scaling.HoldFailed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, w := sloLoop(t, at(0, 60), nil)
				l.cluster.replicas = 8
				time.Sleep(10 * time.Minute)
				l.runFor(t, time.Minute)
				before, _ := l.cluster.now()
				if before < 7 {
					t.Fatalf("%d replicas for 60 rps", before)
				}
				w.mu.Lock()
				w.offered = at(0, 60, time.Since(w.begin).Seconds(), 5) // less load, were it seen
				maps.Copy(w.faults, c.faults)
				maps.Copy(w.values, c.values)
				if c.change != nil {
					c.change(w)
				}
				w.mu.Unlock()
				l.runFor(t, 10*time.Minute)
				if now, _ := l.cluster.now(); now != before || l.last().Hold != c.hold {
					t.Errorf("%d replicas became %d: %v; want hold %s", before, now, l.last(), c.hold)
				}
				_, events := l.cluster.now()
				if !strings.Contains(strings.Join(events, "\n"), "true Holding") {
					t.Errorf("no Event of the hold: %q", events)
				}
			})
		})
	}
}

// The other way round: nothing of that hides a load that grows where it is still seen.
func TestSLOGrowsOnHalfASight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := sloLoop(t, at(0, 8, 10*minute, 50), nil)
		w.values["count(up"] = 1
		w.faults["dispatcher_queue_length"] = scaling.ErrFailed
		time.Sleep(8 * time.Minute)
		l.runFor(t, 4*time.Minute)
		if d := l.last(); d.From < 6 || d.Inputs == nil || !d.Inputs.Demand.Partial {
			t.Errorf("%v", d)
		}
	})
}

// Clocks may differ: what is seen is as old as Prometheus says.
func TestSLOMindsNoOtherClock(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			l, w := sloLoop(t, at(0, 8, 12*minute, 40), nil)
			w.skew = skew
			time.Sleep(10 * time.Minute)
			l.runFor(t, 5*time.Minute)
			d := l.last()
			if d.To < 5 || d.Reckoning == nil || d.Reckoning.Lead > time.Minute || d.Reckoning.Lead < 0 || d.Inputs.Demand.Known < 10*minute {
				t.Errorf("clocks differ by %v: %v, %+v", skew, d, d.Reckoning)
			}
		})
	}
}

func TestSLOWithoutADispatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := sloLoop(t, at(0, 0), nil)
		w.dispatchers = 0
		w.faults["dispatcher_arrivals_total"] = scaling.ErrNoData
		w.values["sum(rate(inference_requests_total"], w.values["count(sum by (pod) (rate(inference_requests_total"] = 19, 2
		l.runFor(t, time.Minute)
		d := l.last()
		if d.To < 3 || !strings.Contains(d.Reason, "served 19 rps") || l.count(t, "autoscaler_warning", "blind") != 1 {
			t.Errorf("two replicas that do all they can: %v", d)
		}
		if _, events := l.cluster.now(); !strings.Contains(strings.Join(events, "\n"), "true LoadNotSeen no dispatcher tells") {
			t.Errorf("events %q", events)
		}
		replicas, _ := l.cluster.now()
		w.mu.Lock()
		w.values["sum(rate(inference_requests_total"] = 1
		w.mu.Unlock()
		l.runFor(t, 5*time.Minute)
		if d := l.last(); d.From != replicas || d.Hold != scaling.HoldPartial {
			t.Errorf("only 2 of %d replicas tell: %v", replicas, d)
		}
	})
}

// Without a measured capacity, it is what a request takes of the CPU that a replica may use: here 40 a core, and a quarter of a core each.
func TestSLOReckonsCapacityByCPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := sloLoop(t, at(0, 45), nil)
		w.faults["inference_capacity_rps"] = scaling.ErrNoData
		w.values["/ (sum(max by (pod) (rate(container_cpu_usage_seconds_total"] = 40
		time.Sleep(10 * time.Minute)
		l.runFor(t, time.Minute)
		if d := l.last(); d.Reckoning == nil || d.Reckoning.Capacity != 10 || d.To < 5 {
			t.Errorf("%v", d)
		}
	})
}

// Capacity is measured in pictures; a request may have several.
func TestSLOReckonsInRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := sloLoop(t, at(0, 20), nil)
		w.values["inference_images_total"] = 4
		time.Sleep(10 * time.Minute)
		l.runFor(t, 30*time.Second)
		if d := l.last(); d.Reckoning == nil || d.Reckoning.Capacity != 2.5 {
			t.Errorf("%v", d)
		}
	})
}

func TestSLOAsksAsMuchOfAThousandReplicas(t *testing.T) {
	queries := func(replicas int) int {
		var n int
		synctest.Test(t, func(t *testing.T) {
			l, w := sloLoop(t, at(0, 60), func(o *autoscaler.Options) {
				o.Policy = scaling.SLO{Min: replicas, Max: replicas, Latency: 300 * time.Millisecond, Interval: 5 * time.Second, Tuning: scaling.DefaultTuning()}
			})
			l.cluster.replicas = replicas
			time.Sleep(10 * time.Minute)
			l.tick(t)
			w.asked = map[string]int{}
			l.tick(t)
			for _, times := range w.asked {
				n += times
			}
		})
		return n
	}
	if few, many := queries(2), queries(1000); few != many || many > 12 {
		t.Errorf("%d queries for 2 replicas, %d for 1000", few, many)
	}
}

// Days of it: the load of yesterday is looked up once, beside the ticks.
func TestSLORemembersYesterday(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := sloLoop(t, at(0, 8), nil)
		w.minutes = make([]float64, 3*24*60)
		for i := range w.minutes {
			w.minutes[i] = 8
			if ago := (len(w.minutes) - i) % (24 * 60); ago > 24*60-18 && ago < 24*60-2 { // soon, as on each day before
				w.minutes[i] = 60
			}
		}
		time.Sleep(10 * time.Minute)
		l.runFor(t, 2*time.Minute)
		most := 0
		for _, d := range l.Account().Decisions {
			most = max(most, d.To)
		}
		if days := l.last().Inputs.Demand.Days; days < 2.9 || most < 6 {
			t.Errorf("at most %d replicas, knowing %v days", most, days)
		}
	})
}

// A history that cannot be had, or never comes, costs no tick anything.
func TestHistoryDelaysNoTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := sloLoop(t, at(0, 45), func(o *autoscaler.Options) { o.History = hanging{} })
		time.Sleep(10 * time.Minute)
		l.runFor(t, time.Minute+time.Second)
		decisions := l.Account().Decisions
		for i := 1; i < len(decisions); i++ {
			if apart := decisions[i-1].At.Sub(decisions[i].At); apart != 5*time.Second {
				t.Errorf("decisions %v apart", apart)
			}
		}
		if len(decisions) != 13 {
			t.Errorf("%d decisions in a minute", len(decisions))
		}
		if d := l.last(); d.Hold != scaling.HoldNone || d.From < 5 {
			t.Errorf("%v", d)
		}
	})
}

// hanging never answers.
type hanging struct{}

func (hanging) Range(ctx context.Context, _ string, _ time.Time, _, _ time.Duration) ([]float64, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("%w: %w", scaling.ErrFailed, ctx.Err())
}

// Whoever takes over finds the calm after growth, the start that was learned and how far replicas are believed, and never begins by scaling
// down.
func TestARestartRemembers(t *testing.T) {
	grew := []float64{2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 8, 8, 8, 8, 8, 8, 8, 8} // 40 s ago
	calm := []float64{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8}
	for name, c := range map[string]struct {
		desired []float64
		least   time.Duration // before there are fewer
		most    time.Duration
	}{
		"it grew shortly before": {grew, 105 * time.Second, 130 * time.Second},
		"nothing happened":       {calm, 40 * time.Second, 60 * time.Second},
		"nothing is known":       {nil, 40 * time.Second, 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, w := sloLoop(t, at(0, 8), nil)
				l.cluster.replicas, w.desired = 8, c.desired
				w.values[`name="start_seconds"}[1d]`], w.values[`name="believed"}[10m]`] = 42, 0.5
				time.Sleep(40 * time.Minute)
				begin, shrank := time.Now(), time.Duration(0)
				for shrank == 0 && time.Since(begin) < 5*time.Minute {
					if d := l.tick(t); d.To < d.From {
						shrank = time.Since(begin)
					} else if r := d.Reckoning; r == nil || r.StartTime != 42*time.Second || math.Round(r.Capacity) != 5 {
						t.Fatalf("the start that was learned, or how far replicas are believed, is forgotten: %v", d)
					}
					time.Sleep(5 * time.Second)
				}
				if shrank < c.least || shrank > c.most {
					t.Errorf("there were fewer after %v, want %v to %v", shrank, c.least, c.most)
				}
			})
		})
	}
}

// What replicas have shown is not forgotten while another autoscaler works, for longer than decisions are kept.
func TestAHoldForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := sloLoop(t, at(0, 8), nil)
		w.values[`name="believed"}[10m]`], w.values[`name="shown_seconds"}[10m]) >= 0`], w.values[`name="shown_ago_seconds"}[10m]) >= 0`] = 0.5, 2*60*60, 60*60
		time.Sleep(10 * time.Minute)
		l.tick(t)
		l.cluster.other = "HorizontalPodAutoscaler web"
		l.runFor(t, 10*time.Minute)
		if d, told := l.last(), l.count(t, "autoscaler_signal", "believed"); d.Hold != scaling.HoldOtherOwner || !(math.Abs(told-0.5) <= 0.01) {
			t.Fatalf("%v; believed is told as %v", d, told)
		}
		l.cluster.other = ""
		if _, events := l.cluster.now(); !strings.Contains(strings.Join(events, "\n"), "true CapacityOverstated replicas answered 50% of what they state") || l.count(t, "autoscaler_warning", "overstated") != 1 {
			t.Errorf("nobody is told that replicas state too much: %q", events)
		}
		if r := l.tick(t).Reckoning; r == nil || r.Capacity > 6 {
			t.Errorf("replicas that were believed to answer 5 rps: %+v", r)
		}
		l.runFor(t, 50*time.Minute)
		over, ago := l.count(t, "autoscaler_signal", "shown_seconds"), l.count(t, "autoscaler_signal", "shown_ago_seconds")
		if r := l.last().Reckoning; r == nil || r.Capacity != 5 || over != 2*60*60 || ago < 109*60 || ago > 110*60 {
			t.Errorf("replicas that had shown for two hours, until an hour ago, that they answer 5 rps: %+v; told as shown over %v s, %v s ago", r, over, ago)
		}
		l.runFor(t, 3*time.Hour)
		if r := l.last().Reckoning; r == nil || r.Capacity < 6 {
			t.Errorf("it was never shown again: %+v", r)
		}
	})
}

func TestWhatAPersonHasToMendIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*autoscaler.Options)
		load   float64
		reason string
		event  string
	}{
		"more load than the most replicas bear": {nil, 200, "at-max", "true AtMaximum a load of 2"},
		"more than can be paid for": {func(o *autoscaler.Options) {
			p := o.Policy.(scaling.SLO)
			c := scaling.Ceiling{Replicas: 10, Price: 0.5, MaxCost: 2}
			p.Max, p.MaxWhy, o.Price = c.Max(), c.Why(), c.Price
			o.Policy = p
		}, 200, "at-max", "true AtMaximum a load of 250 rps takes at least 26 replicas, and there may be 4: --max-cost 2 an hour pays for no more at --price 0.5"},
		"an SLO that cannot be kept": {func(o *autoscaler.Options) {
			p := o.Policy.(scaling.SLO)
			p.Latency = 50 * time.Millisecond
			o.Policy = p
		}, 20, "slo-impossible", "true SLOImpossible a request alone takes 100 ms, and the SLO is 50ms"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, w := sloLoop(t, at(0, c.load), c.change)
				time.Sleep(10 * time.Minute)
				l.runFor(t, time.Minute)
				_, events := l.cluster.now()
				all := strings.Join(events, "\n")
				if strings.Count(all, c.event) != 1 || strings.Contains(all, "Over") || l.count(t, "autoscaler_warning", c.reason) != 1 {
					t.Errorf("%q is not told once: %q, the metric is %v", c.event, events, l.count(t, "autoscaler_warning", c.reason))
				}
				if c.reason == "slo-impossible" {
					return // less load does not mend it
				}
				w.mu.Lock()
				w.offered = at(0, c.load, time.Since(w.begin).Seconds(), 1)
				w.mu.Unlock()
				l.runFor(t, 40*time.Minute)
				if _, events := l.cluster.now(); l.count(t, "autoscaler_warning", c.reason) != 0 || !strings.Contains(strings.Join(events, "\n"), "false AtMaximumOver over: a load of") {
					t.Errorf("its end is not told: %q", events)
				}
			})
		})
	}
}

func TestDecisionsTellAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := sloLoop(t, at(0, 45), func(o *autoscaler.Options) { o.Price, o.MaxCost = 0.1, 1 })
		time.Sleep(10 * time.Minute)
		l.runFor(t, 30*time.Second)
		text, err := json.Marshal(l.Account())
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{`"price":0.1`, `"max_cost":1`, `"cost":0.`, `"forecast":`, `"margin":`, `"staffing":[{"replicas":`, `"inputs":{"ready":`, `"start_time":`, `"way":"`} {
			if !strings.Contains(string(text), word) {
				t.Errorf("no %s in %.2000s", word, text)
			}
		}
	})
}

// A week of ticks leaves memory flat: what is known of the load, of starts and of decisions is as long as it is needed.
func TestAWeekLeavesMemoryFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("a week takes seconds")
	}
	synctest.Test(t, func(t *testing.T) {
		daily := func(t time.Duration) float64 { // requests until then, of a load that waves each hour
			const hour = 3600
			return 40*t.Seconds() + 30*hour/(2*math.Pi)*(1-math.Cos(2*math.Pi*t.Seconds()/hour))
		}
		l, _ := sloLoop(t, daily, func(o *autoscaler.Options) {
			o.Interval = time.Minute
			o.Log = slog.New(slog.DiscardHandler)
		})
		heap := func() uint64 {
			l.cluster.mu.Lock()
			l.cluster.events = nil // they are the cluster's
			l.cluster.mu.Unlock()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Loop(ctx) }()
		// What is kept of the past grows for hours and is then cut, so it is the most that counts.
		most := func() (m uint64) {
			for range 96 {
				time.Sleep(15 * time.Minute)
				m = max(m, heap())
			}
			return m
		}
		day := most()
		time.Sleep(5 * 24 * time.Hour)
		week := most()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		t.Logf("%d kB after a day, %d kB after a week of ticks", day>>10, week>>10)
		if week > day+256<<10 {
			t.Errorf("memory grows from %d to %d bytes", day, week)
		}
		if d := l.last(); d.Inputs.Demand.Known < 7*3600 || d.Inputs.Demand.Known > 15*3600 {
			t.Errorf("the load is known for %v s", d.Inputs.Demand.Known)
		}
	})
}
