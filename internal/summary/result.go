package summary

import "time"

// Replicas is how many replicas there were at a second of the test.
type Replicas struct {
	Second  int `json:"second"`
	Ready   int `json:"ready"`
	Desired int `json:"desired"` // -1: unknown
}

// Rate is requests per second over the test.
type Rate struct {
	Asked    float64 `json:"asked"`    // due by the schedule
	Achieved float64 `json:"achieved"` // answered well
}

// Latency is percentiles of the good answers, in milliseconds, counted from when each request was due.
type Latency struct {
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	P9999 float64 `json:"p9999"`
	Max   float64 `json:"max"`
}

// Lag is how late the tester itself sent, in milliseconds. Where it is large, the tester was too slow for the schedule.
type Lag struct {
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// tooLateMS: requests that leave this late, one in a hundred, say that the tester was too slow for its schedule.
const tooLateMS = 10

// Late tells whether the tester fell behind its schedule.
func (l Lag) Late() bool { return l.P99 > tooLateMS }

// Second is the fate of the requests that were due within one second, whenever it befell them; only Answered goes by when answers came.
type Second struct {
	Second   int            `json:"second"`
	Due      int64          `json:"due"`
	OK       int64          `json:"ok"`
	Failed   int64          `json:"failed"`
	Errors   map[Kind]int64 `json:"errors,omitempty"`
	Answered int64          `json:"answered"` // good answers that arrived in this second
	P50      float64        `json:"p50_ms"`   // of the good answers; 0 without any
	P99      float64        `json:"p99_ms"`
}

// Labels is how many answers were compared with the label expected.
type Labels struct {
	Checked int64 `json:"checked"`
	Wrong   int64 `json:"wrong"`
}

// Result is the whole test, as --json writes it. URL, Started, Early and Notes are for whoever ran it to fill in.
type Result struct {
	URL       string         `json:"url"`
	Started   time.Time      `json:"started"`
	Profile   string         `json:"profile"`
	Seconds   float64        `json:"duration_s"` // of the schedule that was run
	Ended     float64        `json:"ended_s"`    // when the schedule was run and the last request had its end, since the start
	Early     bool           `json:"ended_early"`
	Requests  int64          `json:"requests"`
	OK        int64          `json:"ok"`
	Errors    map[Kind]int64 `json:"errors"`
	Rate      Rate           `json:"rate"`
	Latency   Latency        `json:"latency_ms"`
	Lag       Lag            `json:"schedule_lag_ms"`
	BytesSent int64          `json:"bytes_sent"`
	Labels    *Labels        `json:"labels,omitempty"`
	SLO       []Verdict      `json:"slo"`
	Replicas  []Replicas     `json:"replicas"`
	Timeline  []Second       `json:"timeline"`
	Notes     []string       `json:"notes,omitempty"` // sentences that qualify the figures
}

// Result summarises a test whose schedule ran for scheduled. Achieved counts from the start to the last answer, so that answers
// which came long after the schedule do not pass for throughput.
func (r *Recorder) Result(profile string, scheduled time.Duration, slos []SLO) Result {
	total := int64(0)
	for _, n := range r.counts {
		total += n
	}
	res := Result{
		Profile: profile, Seconds: scheduled.Seconds(), Ended: max(scheduled, r.end).Seconds(),
		Requests: total, OK: r.counts[OK], Errors: r.errors(), BytesSent: r.bytes,
		Latency: Latency{
			P50: r.quantile(50), P90: r.quantile(90), P95: r.quantile(95), P99: r.quantile(99),
			P999: r.quantile(99.9), P9999: r.quantile(99.99), Max: milliseconds(r.latency.Max()),
		},
		Lag:      Lag{P99: milliseconds(r.lag.ValueAtQuantile(99)), Max: milliseconds(r.lag.Max())},
		Replicas: append([]Replicas{}, r.replicas...),
		Timeline: r.timeline(),
		SLO:      []Verdict{},
	}
	if scheduled > 0 {
		res.Rate.Asked = float64(total) / scheduled.Seconds()
		res.Rate.Achieved = float64(r.counts[OK]) / res.Ended
	}
	if r.checked > 0 {
		res.Labels = &Labels{Checked: r.checked, Wrong: r.wrong}
	}
	for _, slo := range slos {
		res.SLO = append(res.SLO, slo.judge(r))
	}
	return res
}

// Lost is how many requests got no good answer.
func (r Result) Lost() int64 { return r.Requests - r.OK }

// Kept tells whether every SLO was.
func (r Result) Kept() bool {
	for _, v := range r.SLO {
		if !v.Kept {
			return false
		}
	}
	return true
}

func (r *Recorder) quantile(q float64) float64 { return milliseconds(r.latency.ValueAtQuantile(q)) }

func milliseconds(micros int64) float64 { return float64(micros) / 1000 }

func (r *Recorder) timeline() []Second {
	line := make([]Second, len(r.seconds))
	for i, s := range r.seconds {
		line[i] = Second{
			Second: i, Due: s.due, OK: s.ok, Failed: s.failed, Errors: s.errors, Answered: s.answered,
			P50: s.quantile(50), P99: s.quantile(99),
		}
	}
	return line
}

// quantile is in milliseconds; 0 where nothing was answered.
func (s *second) quantile(q float64) float64 {
	if s.latency == nil {
		return 0
	}
	return float64(s.latency.ValueAtQuantile(q)) * float64(coarse) / float64(time.Millisecond)
}
