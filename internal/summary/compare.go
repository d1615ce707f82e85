package summary

import (
	"fmt"
	"math"
)

// Tolerance is how much worse than a baseline is still no regression.
type Tolerance struct {
	LatencyRatio    float64 // a latency may be so many times the baseline's
	ThroughputRatio float64 // a throughput must be at least so much of the baseline's
	ErrorPoints     float64 // the share of errors may be so many percentage points higher
}

// Measure is one figure of two tests.
type Measure struct {
	Name       string  `json:"name"`
	Unit       string  `json:"unit"`
	Baseline   float64 `json:"baseline"`
	Now        float64 `json:"now"`
	Ratio      float64 `json:"ratio"`           // 0: the baseline has none
	Judged     string  `json:"bound,omitempty"` // what it had to keep; "": told only
	Regression bool    `json:"regression"`
}

// Comparison is two tests side by side.
type Comparison struct {
	Measures []Measure `json:"measures"`
	Notes    []string  `json:"notes,omitempty"`
}

// Regressed tells whether any figure is worse than it may be.
func (c Comparison) Regressed() bool {
	for _, m := range c.Measures {
		if m.Regression {
			return true
		}
	}
	return false
}

// Compare holds a test against a baseline. Throughput is judged per replica where both know what busy replicas did, and as the share of
// the requests asked for that was answered well else: which rate was asked for is the tester's choice, and no merit of the service.
func Compare(baseline, now Result, t Tolerance) Comparison {
	var c Comparison
	latency := func(name string, a, b float64) {
		c.add(Measure{Name: name, Unit: "ms", Baseline: a, Now: b, Judged: fmt.Sprintf("≤ %g×", t.LatencyRatio)}, func(ratio float64) bool { return ratio > t.LatencyRatio })
	}
	latency("p50", baseline.Latency.P50, now.Latency.P50)
	latency("p90", baseline.Latency.P90, now.Latency.P90)
	latency("p95", baseline.Latency.P95, now.Latency.P95)
	latency("p99", baseline.Latency.P99, now.Latency.P99)
	latency("p99.9", baseline.Latency.P999, now.Latency.P999)
	c.add(Measure{Name: "max", Unit: "ms", Baseline: baseline.Latency.Max, Now: now.Latency.Max}, nil)
	c.throughput(baseline, now, t)
	c.errors(baseline, now, t)
	if baseline.Profile != now.Profile {
		c.Notes = append(c.Notes, fmt.Sprintf("These are different tests: the baseline's profile was %s, and now it is %s.", baseline.Profile, now.Profile))
	}
	if baseline.Lag.Late() || now.Lag.Late() {
		c.Notes = append(c.Notes, "A tester was too slow for its schedule; its latencies include that.")
	}
	return c
}

func (c *Comparison) throughput(baseline, now Result, t Tolerance) {
	judged := fmt.Sprintf("≥ %g×", t.ThroughputRatio)
	tooLow := func(ratio float64) bool { return ratio < t.ThroughputRatio }
	achieved := Measure{Name: "achieved", Unit: "/s", Baseline: baseline.Rate.Achieved, Now: now.Rate.Achieved}
	if a, b := baseline.PerReplica, now.PerReplica; a != nil && b != nil && a.BusySeconds > 0 && b.BusySeconds > 0 {
		c.add(Measure{Name: "per busy replica", Unit: "/s", Baseline: a.BusyOK, Now: b.BusyOK, Judged: judged}, tooLow)
		c.add(achieved, nil)
		return
	}
	c.add(achieved, nil)
	c.add(Measure{Name: "answered well", Unit: "%", Baseline: 100 * goodShare(baseline), Now: 100 * goodShare(now), Judged: judged}, tooLow)
}

func (c *Comparison) errors(baseline, now Result, t Tolerance) {
	m := Measure{
		Name: "errors", Unit: "%", Baseline: 100 * (1 - goodShare(baseline)), Now: 100 * (1 - goodShare(now)),
		Judged: fmt.Sprintf("≤ +%g points", t.ErrorPoints),
	}
	m.Regression = m.Now > m.Baseline+t.ErrorPoints+1e-9
	c.add(m, nil)
}

// goodShare is how many of the requests that were not given up by the tester itself were answered well.
func goodShare(r Result) float64 {
	share, known := ratio(r.OK, r.Requests-r.Errors[Canceled])
	if !known {
		return 0
	}
	return share
}

// add judges a figure by its ratio to the baseline's. One that was there and is gone is a regression; one that the baseline has not is none.
func (c *Comparison) add(m Measure, worse func(ratio float64) bool) {
	if m.Baseline > 0 {
		m.Ratio = m.Now / m.Baseline
		gone := m.Now == 0 || math.IsNaN(m.Now)
		if worse != nil {
			m.Regression = gone || worse(m.Ratio)
		}
	}
	c.Measures = append(c.Measures, m)
}
