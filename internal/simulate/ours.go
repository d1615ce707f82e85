package simulate

import (
	"fmt"
	"time"

	"resnet-autoscaling/internal/scaling"
)

type Ours struct {
	Policy           scaling.Policy
	Every            time.Duration
	past             []scaling.Decision
	rates            []float64
	seen             int
	pods             []scaling.Pod
	startSum, startN float64
	lastPod          int
	minutes          []float64
	Last             scaling.Decision
	Season           bool
	Debug            string
}

func (o *Ours) String() string          { return o.Policy.String() }
func (o *Ours) Interval() time.Duration { return o.Every }

const scrapeEvery, scrapePhase = 5, 3

func (o *Ours) Replicas(v *View) int {
	now := v.Second()
	newest := (now-scrapePhase)/scrapeEvery*scrapeEvery + scrapePhase
	if now < scrapePhase {
		newest = -1
	}
	if o.seen == 0 {
		o.seen = scrapePhase
	}
	for o.seen+scrapeEvery <= newest {
		o.rates = append(o.rates, (v.At(o.seen+scrapeEvery).Arrivals-v.At(o.seen).Arrivals)/scrapeEvery)
		o.seen += scrapeEvery
		if o.Season && o.seen/60 != (o.seen-scrapeEvery)/60 {
			s := 0.0
			n := min(12, len(o.rates))
			for _, r := range o.rates[len(o.rates)-n:] {
				s += r
			}
			o.minutes = append(o.minutes, s/float64(n))
		}
	}
	const keep = 9000
	if len(o.rates) > 4*keep {
		o.rates = o.rates[:copy(o.rates, o.rates[len(o.rates)-keep:])]
	}
	rates := o.rates[max(0, len(o.rates)-keep):]
	o.pods = o.pods[:0]
	for _, p := range v.Pods() {
		o.pods = append(o.pods, scaling.Pod{Ready: p.Ready, Since: at(p.Since), Started: at(p.Started)})
	}
	obs := scaling.Observation{Replicas: v.Desired(), Pods: o.pods}
	obs.Demand = scaling.Demand{At: at(float64(o.seen)), Step: scrapeEvery * time.Second, Rates: rates}
	if len(rates) == 0 {
		obs.Demand.Err = scaling.ErrNoData
	}
	obs.Demand.Capacity = v.c.Capacity
	obs.Demand.Slots = v.c.Slots
	obs.Demand.Waiting = float64(v.At(max(0, newest)).Waiting)
	obs.Demand.Season = scaling.Season{Minutes: o.minutes, At: at(float64(o.seen / 60 * 60))}
	if o.past == nil {
		o.past = []scaling.Decision{scaling.Start(obs.Replicas, v.Now())}
	}
	d := o.Policy.Decide(o.past, obs, v.Now())
	d.Applied = d.Changed()
	o.past = append(o.past, d)
	if len(o.past) > 1000 {
		m := o.Policy.Memory()
		i := 0
		for i < len(o.past) && o.past[i].At.Before(v.Now().Add(-m)) {
			i++
		}
		o.past = o.past[:copy(o.past, o.past[i:])]
	}
	o.Last = d
	if o.Debug != "" {
		var a, b int
		fmt.Sscanf(o.Debug, "%d,%d", &a, &b)
		if now >= a && now < b {
			fmt.Println(now, d)
		}
	}
	return d.To
}

func at(s float64) time.Time { return Epoch.Add(time.Duration(s * float64(time.Second))) }
