package simulate

import (
	"math"
	"strconv"
	"time"

	"resnet-autoscaling/internal/scaling"
)

// Live is one of our policies in its loop, as the service autoscaler runs it: it is asked at each interval, and sees what Prometheus
// would tell by then.
type Live struct {
	// Scrapes may be set before the first decision.
	Scrapes Scrapes

	policy scaling.Policy
	past   []scaling.Decision
	last   scaling.Decision

	scraped float64   // when the newest scrape was that was taken over
	rates   []float64 // of arrivals, from scrape to scrape
	minutes []float64
	minute  float64 // requests of the minute that is not over
	pods    []scaling.Pod
	perPod  bool
}

// Interval is the time between two decisions.
const Interval = 5 * time.Second

// Scrapes is how many seconds after a decision Prometheus scrapes: the load every 5 s, and CPU every 10 s. When autoscaler and Prometheus
// tick is nobody's choice.
type Scrapes struct {
	Load, CPU float64
	// Each says that each replica is scraped at a time of its own, from its start on, and that its rates are what Prometheus' rate() makes of
	// that. Else all replicas are scraped with the load.
	Each bool
}

// usualScrapes are somewhere in the middle.
var usualScrapes = Scrapes{Load: 3, CPU: 0}

const (
	scrapeEvery   = 5 // seconds
	requestWindow = 30
	cpuEvery      = 10
	cpuWindow     = 60
	ratesKept     = 8 * 3600 / scrapeEvery
	minutesKept   = 29 * 24 * 60
)

// NewLive puts a policy into its loop.
func NewLive(policy scaling.Policy) *Live {
	_, perPod := policy.(scaling.Target)
	return &Live{Scrapes: usualScrapes, policy: policy, perPod: perPod}
}

// String names the policy.
func (l *Live) String() string { return l.policy.String() }

// Interval is the time between its decisions.
func (l *Live) Interval() time.Duration { return Interval }

// Decision is the last one.
func (l *Live) Decision() scaling.Decision { return l.last }

// Replicas asks the policy.
func (l *Live) Replicas(v *View) int {
	if l.past == nil {
		l.scraped = l.Scrapes.Load
	}
	l.scrape(v)
	o := scaling.Observation{Replicas: v.Desired(), Pods: l.list(v), Demand: l.demand(v)}
	if l.perPod {
		o.Offered, o.Signals = l.signals(v)
	}
	if l.past == nil {
		l.past = []scaling.Decision{scaling.Start(o.Replicas, v.Now())}
	}
	l.last = l.policy.Decide(l.past, o, v.Now())
	l.last.Applied = l.last.Changed()
	l.remember(l.last)
	return l.last.To
}

// remember keeps decisions for as long as the policy looks back.
func (l *Live) remember(d scaling.Decision) {
	l.past = append(l.past, d)
	n := 0
	for n < len(l.past)-1 && l.past[n].At.Before(d.At.Add(-l.policy.Memory())) {
		n++
	}
	if n > len(l.past)/2 {
		l.past = l.past[:copy(l.past, l.past[n:])]
	}
}

// scrape takes over what Prometheus has scraped since.
func (l *Live) scrape(v *View) {
	for l.scraped+scrapeEvery <= float64(v.Second()) {
		came := v.around(l.scraped+scrapeEvery).Arrivals - v.around(l.scraped).Arrivals
		l.scraped += scrapeEvery
		l.rates = latest(append(l.rates, came/scrapeEvery), ratesKept)
		l.minute += came
		if math.Mod(l.scraped, 60) < scrapeEvery {
			l.minutes = latest(append(l.minutes, l.minute/60), minutesKept)
			l.minute = 0
		}
	}
}

// latest drops what is older, now and then.
func latest(values []float64, kept int) []float64 {
	if len(values) < 2*kept {
		return values
	}
	return values[:copy(values, values[len(values)-kept:])]
}

func (l *Live) demand(v *View) scaling.Demand {
	d := scaling.Demand{
		Rates: l.rates[max(0, len(l.rates)-ratesKept):], Step: scrapeEvery * time.Second, At: instant(l.scraped),
		Capacity: v.c.stated(), Slots: v.c.Slots, Waiting: float64(v.around(min(l.scraped, float64(v.Second()))).Waiting),
		Season: scaling.Season{Minutes: l.minutes[max(0, len(l.minutes)-minutesKept):], At: instant(60 * math.Floor(l.scraped/60))},
	}
	if len(l.rates) == 0 {
		d.Err = scaling.ErrNoData
		return d
	}
	d.Answering = (v.around(l.scraped).Answered - v.around(l.scraped-scrapeEvery).Answered) / scrapeEvery
	return d
}

func (l *Live) list(v *View) []scaling.Pod {
	l.pods = l.pods[:0]
	for _, p := range v.Pods() {
		pod := scaling.Pod{Ready: p.Ready, Since: instant(p.Since), Started: instant(p.Started)}
		if l.perPod {
			pod.Name = "resnet-inference-" + strconv.Itoa(p.Name)
		}
		l.pods = append(l.pods, pod)
	}
	return l.pods
}

func instant(second float64) time.Time {
	return Epoch.Add(time.Duration(math.Round(second * float64(time.Second))))
}

// targetShare is the share of its capacity at which policy target keeps a replica's requests, and of its request its CPU.
const targetShare = 0.7

// signals are what policy target looks at. Replicas are alike and the dispatcher is fair, so a replica had the share of the work that it
// was ready for.
func (l *Live) signals(v *View) (scaling.Offered, []scaling.Signal) {
	newest := min(l.scraped, float64(v.Second()))
	requests := scaling.Signal{Name: "requests", Target: targetShare * v.c.stated(), Window: requestWindow * time.Second}
	cpu := scaling.Signal{Name: "cpu", CPU: true, Target: targetShare, Window: cpuWindow * time.Second}
	slots := float64(v.c.Slots)
	if l.Scrapes.Each {
		requests.Samples, requests.Err = l.rated(v, requestWindow, l.scrapesOfPod, func(t Totals) float64 { return t.answeredEach })
		cpu.Samples, cpu.Err = l.rated(v, cpuWindow, l.scrapesOfNode, func(t Totals) float64 { return t.busyEach / slots })
	} else {
		requests.Samples, requests.Err = l.samples(v, newest, requestWindow, func(t Totals) float64 { return t.Answered })
		cpu.Samples, cpu.Err = l.samples(v, l.cpuScraped(v.Second()), cpuWindow, func(t Totals) float64 { return t.Busy / slots })
	}
	window := min(requestWindow, newest)
	if window < scrapeEvery {
		return scaling.Offered{Err: scaling.ErrNoData}, []scaling.Signal{requests, cpu}
	}
	now, before := v.around(newest), v.around(newest-window)
	offered := scaling.Offered{Rate: (now.Arrivals - before.Arrivals) / window, Shed: (now.Lost - before.Lost) / window}
	return offered, []scaling.Signal{requests, cpu}
}

// cpuScraped is when CPU was scraped last before a second.
func (l *Live) cpuScraped(second int) float64 {
	since := math.Nextafter(float64(second), 0) - l.Scrapes.CPU
	return max(0, l.Scrapes.CPU+cpuEvery*math.Floor(since/cpuEvery))
}

// samples are a counter's rates by pod over a window that ended at a second, of pods that were scraped twice in it.
func (l *Live) samples(v *View, end, window float64, of func(Totals) float64) (map[string]scaling.Sample, error) {
	from := max(0, end-window)
	if end-from < scrapeEvery {
		return nil, scaling.ErrNoData
	}
	ready := v.around(end).Ready - v.around(from).Ready
	did := of(v.around(end)) - of(v.around(from))
	samples := make(map[string]scaling.Sample, len(v.pods))
	for i, p := range v.Pods() {
		if was := end - max(p.Since, from); p.Ready && was >= 2*scrapeEvery && ready > 0 {
			samples[l.pods[i].Name] = scaling.Sample{Value: did / ready * was / (end - from), At: instant(end)}
		}
	}
	return samples, nil
}
