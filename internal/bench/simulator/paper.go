package main

import (
	"math"
	"time"

	rules "resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/simulate"
)

// papers is how often a run is simulated, each time with other chances.
const papers = 25

// paper is what a simulation came to.
type paper struct {
	violations     float64 // share of the requests
	desired, ready float64 // replicas, on average while the load was on
	scalings       []scaling
}

// simulated is a run on paper: the requests that came in each second, at random within it.
func (m reality) simulated(seed uint64) (paper, error) {
	trace := simulate.Trace{Name: m.Policy, Bin: 1}
	for second := range int(m.End) {
		rate := 0.0
		if second < len(m.Offered) {
			rate = float64(m.Offered[second])
		}
		trace.Rates = append(trace.Rates, rate)
	}
	live := simulate.NewLive(m.policy())
	live.Scrapes = simulate.Scrapes{Load: m.Scrape, CPU: m.CPUSeen, Each: true}
	result, err := simulate.Run(m.cluster(seed), trace, live)
	if err != nil {
		return paper{}, err
	}
	p := paper{violations: result.Violations()}
	before := 1
	for second, n := range result.Series.Desired {
		if int(n) != before {
			p.scalings = append(p.scalings, scaling{At: float64(second), From: before, To: int(n)})
		}
		before = int(n)
	}
	from := int(m.Begin)
	p.desired, p.ready = mean(result.Series.Desired[from:]), mean(result.Series.Ready[from:])
	return p, nil
}

// cluster is what was measured of it.
func (m reality) cluster(seed uint64) simulate.Cluster {
	c := simulate.Default()
	c.Capacity, c.Latency, c.MaxReplicas, c.Replicas = m.capacity(), m.Latency, m.MaxReplicas, 1
	c.Stated, c.CPU, c.Period = m.Stated, m.CPU, m.Period
	c.StartTime, c.StartNoise = m.start()
	c.Seed, c.Series, c.Foresees = seed, true, true
	return c
}

// start is how long replicas took to start: the mean, and the coefficient of variation.
func (m reality) start() (time.Duration, float64) {
	sum, squares := 0.0, 0.0
	for _, s := range m.Starts {
		sum, squares = sum+s, squares+s*s
	}
	n := float64(len(m.Starts))
	mean := sum / n
	return time.Duration(mean * float64(time.Second)), math.Sqrt(max(0, squares/n-mean*mean)) / mean
}

// policy is set as the autoscaler's flags set it.
func (m reality) policy() rules.Policy {
	if m.Policy == "slo" {
		p := rules.SLO{
			Min: 1, Max: m.MaxReplicas, Latency: m.Latency, Interval: simulate.Interval, QueueTimeout: 10 * time.Second, Tuning: rules.DefaultTuning(),
		}
		p.Tuning.Calm, p.Tuning.Settle = m.DownWindow, min(p.Tuning.Settle, m.DownWindow)
		return p
	}
	return rules.Target{
		Min: 1, Max: m.MaxReplicas, Tolerance: 0.1, DownWindow: m.DownWindow,
		UpSteps:   []rules.Step{{Percent: 100, Period: 15 * time.Second}, {Pods: 4, Period: 15 * time.Second}},
		DownSteps: []rules.Step{{Percent: 100, Period: 15 * time.Second}},
	}
}

func mean(counts []int16) float64 {
	sum := 0.0
	for _, n := range counts {
		sum += float64(n)
	}
	return sum / float64(len(counts))
}
