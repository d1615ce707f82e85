package capacity

import (
	"slices"

	"resnet-autoscaling/internal/summary"
)

// Step is one rate that was tried.
type Step struct {
	Rate     float64  `json:"rate"`
	Kept     bool     `json:"kept"`
	Steady   bool     `json:"steady"`           // the requests in flight did not grow
	Missed   []string `json:"missed,omitempty"` // objectives, with what was measured
	Achieved float64  `json:"achieved"`
	P50      float64  `json:"p50_ms"`
	P99      float64  `json:"p99_ms"`
	Requests int64    `json:"requests"`
	Lost     int64    `json:"lost"`
	Ready    int      `json:"ready,omitempty"`        // replicas; 0: unknown
	Capacity float64  `json:"capacity_rps,omitempty"` // what they say they can do
	Notes    []string `json:"notes,omitempty"`        // sentences that qualify the figures
}

// Found is a whole search and its answer.
type Found struct {
	SLO     string  `json:"slo"`
	Rate    float64 `json:"rate"`    // the highest that was kept; 0: none was
	Bounded bool    `json:"bounded"` // a higher one was tried and missed
	Steps   []Step  `json:"steps"`
}

// Judge says whether a rate was kept: every objective, and a queue that does not grow.
func Judge(rate float64, r summary.Result) Step {
	step := Step{
		Rate: rate, Steady: Steady(r), Achieved: r.Rate.Achieved,
		P50: r.Latency.P50, P99: r.Latency.P99, Lost: r.Lost(), Requests: r.Requests, Notes: r.Notes,
	}
	step.Kept = r.Kept() && step.Steady
	for _, v := range r.SLO {
		if !v.Kept {
			step.Missed = append(step.Missed, v.SLO+": "+v.Measured)
		}
	}
	if n := len(r.Replicas); n > 0 {
		step.Ready, step.Capacity = r.Replicas[n-1].Ready, r.Replicas[n-1].Capacity
	}
	return step
}

// Proves tells whether a result says anything of the service. Latencies that were missed while the tester itself was late may be its own.
func Proves(r summary.Result) bool {
	onlySlow := !slices.ContainsFunc(r.SLO, func(v summary.Verdict) bool {
		slo, err := summary.ParseSLO(v.SLO)
		_, _, latency := slo.Latency()
		return !v.Kept && (err != nil || !latency)
	})
	return !r.Lag.Late() || r.Kept() || !onlySlow
}
