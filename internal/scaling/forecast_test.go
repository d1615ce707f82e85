package scaling

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// demand is an hour of load.
func demand(rate func(step int) float64) Demand {
	d := Demand{Step: 5 * time.Second, At: time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC)}
	for i := range 720 {
		d.Rates = append(d.Rates, rate(i))
	}
	return d
}

func TestForecasts(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 1))
	noisy := make([]float64, 720)
	for i := range noisy {
		noisy[i] = 100 + math.Sqrt(100*4/5.0)*noise.NormFloat64()
	}
	for name, c := range map[string]struct {
		d              Demand
		low, high      float64 // of the forecast
		least, largest float64 // of the margin
	}{
		"a constant load needs no margin":           {demand(func(int) float64 { return 100 }), 100, 100, 0, 0.001},
		"a trend goes on":                           {demand(func(i int) float64 { return 100 + float64(i) }), 822, 824, 0, 1},
		"chance is left to queueing theory":         {demand(func(i int) float64 { return noisy[i] }), 90, 110, 0, 12},
		"a load that jumps has errors to allow for": {demand(func(i int) float64 { return 100 + 100*float64(i/9%2) }), 90, 210, 20, 110},
		"nothing stays nothing":                     {demand(func(int) float64 { return 0 }), 0, 0, 0, 0.001},
	} {
		t.Run(name, func(t *testing.T) {
			course := newCourse(c.d.Rates, c.d)
			course.clumping = 1
			f := course.foresee(4, 360, care{share: 0.8, least: 0.8})
			if f.rate < c.low-1e-6 || f.rate > c.high+1e-6 || f.margin < c.least || f.margin > c.largest {
				t.Errorf("%.2f + %.2f by %s, want %v..%v + %v..%v", f.rate, f.margin, f.way, c.low, c.high, c.least, c.largest)
			}
		})
	}
}

// bursts is a load of 100 with a step of 150 every five or so, which nothing tells of before.
func bursts() Demand {
	chance := rand.New(rand.NewPCG(5, 5))
	return demand(func(int) float64 {
		if chance.IntN(5) == 0 {
			return 150
		}
		return 100
	})
}

// More than a fifth of the requests come in the bursts: the margin that covers them costs a third of the replicas.
func TestAMarginIsWorthWhatItCosts(t *testing.T) {
	d := bursts()
	for name, c := range map[string]struct {
		care           care
		least, largest float64 // of the margin
	}{
		"rarer is too dear":                   {care{share: 0.8, least: 0.6, worth: 0.5}, 0, 10},
		"lateness is dearer":                  {care{share: 0.8, least: 0.6, worth: 5}, 25, 50},
		"rarer is not to be had":              {care{share: 0.6, least: 0.6, worth: 5}, 0, 10},
		"all that is allowed for is paid for": {care{share: 0.8, least: 0.8, worth: 0.5}, 25, 50},
	} {
		t.Run(name, func(t *testing.T) {
			course := newCourse(d.Rates, d)
			course.clumping = 1
			if f := course.foresee(4, 360, c.care); f.margin < c.least || f.margin > c.largest {
				t.Errorf("%.2f + %.2f by %s, want a margin of %v..%v", f.rate, f.margin, f.way, c.least, c.largest)
			}
		})
	}
}

// What is spared of the margin while a load is even is paid for as soon as it rises beyond doubt: one that rises and was foreseen too low
// is late until the rise has ended.
func TestALoadThatRisesGetsTheWholeMargin(t *testing.T) {
	p := SLO{Min: 1, Max: 200, Latency: 250 * time.Millisecond, Interval: 5 * time.Second, Tuning: DefaultTuning()}
	for name, c := range map[string]struct {
		growth float64 // in each of the last six steps
		spares bool
	}{
		"even":             {0, true},
		"a little":         {1, true},
		"falling":          {-10, true},
		"rising for sure":  {10, false},
		"rising very fast": {40, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := demand(func(i int) float64 { return 100 + 2*math.Sin(float64(i*i)) + c.growth*max(0, float64(i-713)) })
			d.StartTime, d.Capacity = 30*time.Second, 20
			r, err := p.reckon(nil, Observation{Replicas: 1, Demand: d, Pods: []Pod{podStates['r'](d.At)}}, d.At.Add(3*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if spares := r.care.least < r.care.share; spares != c.spares {
				t.Errorf("grows by %.2f: %+v", r.Growth, r.care)
			}
		})
	}
}
