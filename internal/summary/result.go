package summary

import "time"

// Replicas is how many replicas there were at a second of the test.
type Replicas struct {
	Second  int `json:"second"`
	Ready   int `json:"ready"`
	Desired int `json:"desired"` // -1: unknown
	Queue   int `json:"queue"`   // requests that wait in the dispatcher
	// Capacity is what the ready ones say they can do together, in pictures per second; 0: unknown.
	Capacity float64 `json:"capacity_rps,omitempty"`
	// CPU is what all replicas together use, in cores; 0: unknown.
	CPU float64 `json:"cpu_cores,omitempty"`
}

// Decision is what the autoscaler did, in its own words.
type Decision struct {
	Second float64 `json:"second"`
	Text   string  `json:"text"`
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
	P50 float64 `json:"p50"`
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
	InFlight int64          `json:"in_flight"`      // of those due by the end of this second, unanswered then
	Heat     []HeatCell     `json:"heat,omitempty"` // good answers by latency, as pairs of row and count; HeatFrom tells a row's latency
}

// Labels is how many answers were compared with the label expected.
type Labels struct {
	Checked int64 `json:"checked"`
	Wrong   int64 `json:"wrong"`
}

// Warmup is what was sent before the test, and counts nowhere.
type Warmup struct {
	Seconds  float64 `json:"seconds"`
	Requests int64   `json:"requests"`
}

// Result is the whole test, as --json writes it. URL, Started, Tags, Warmup, Early, Aborted and Notes are for whoever ran it to fill in.
type Result struct {
	URL           string            `json:"url"`
	Started       time.Time         `json:"started"`
	Tags          map[string]string `json:"tags,omitempty"` // of --label
	Profile       string            `json:"profile"`
	Seconds       float64           `json:"duration_s"` // of the schedule that was run
	Ended         float64           `json:"ended_s"`    // when the schedule was run and the last request had its end, since the start
	Warmup        *Warmup           `json:"warmup,omitempty"`
	Early         bool              `json:"ended_early"`
	Aborted       string            `json:"aborted,omitempty"` // the limit that was broken, and by what
	Requests      int64             `json:"requests"`
	OK            int64             `json:"ok"`
	Errors        map[Kind]int64    `json:"errors"`
	Rate          Rate              `json:"rate"`
	Latency       Latency           `json:"latency_ms"`
	Lag           Lag               `json:"schedule_lag_ms"`
	BytesSent     int64             `json:"bytes_sent"`
	BytesReceived int64             `json:"bytes_received"`
	Labels        *Labels           `json:"labels,omitempty"`
	Stages        []Stage           `json:"server_timing_ms,omitempty"` // as the server tells in Server-Timing, of the good answers
	PerReplica    *PerReplica       `json:"per_replica,omitempty"`
	SLO           []Verdict         `json:"slo"`
	Replicas      []Replicas        `json:"replicas"`
	Decisions     []Decision        `json:"decisions,omitempty"`
	Timeline      []Second          `json:"timeline"`
	Notes         []string          `json:"notes,omitempty"` // sentences that qualify the figures
	// The histograms, in microseconds, so that results of several testers can be merged.
	LatencyHistogram Histogram `json:"latency_histogram"`
	LagHistogram     Histogram `json:"schedule_lag_histogram"`
}

// Result summarises a test whose schedule ran for scheduled.
func (r *Recorder) Result(profile string, scheduled time.Duration, slos []SLO) Result {
	res := Result{
		Profile: profile, Seconds: scheduled.Seconds(), Ended: max(scheduled, r.end).Seconds(),
		Replicas: append([]Replicas{}, r.replicas...), Decisions: append([]Decision(nil), r.decisions...), Timeline: r.timeline(),
	}
	res.fill(&r.totals, slos)
	return res
}

// fill derives the figures from the totals and the time line. Achieved counts from the start to the last answer, so that answers
// which came long after the schedule do not pass for throughput.
func (r *Result) fill(t *totals, slos []SLO) {
	r.Requests = 0
	for _, n := range t.counts {
		r.Requests += n
	}
	r.OK, r.Errors, r.BytesSent, r.BytesReceived = t.counts[OK], t.errors(), t.bytes, t.recvd
	r.Latency = Latency{
		P50: t.quantile(50), P90: t.quantile(90), P95: t.quantile(95), P99: t.quantile(99),
		P999: t.quantile(99.9), P9999: t.quantile(99.99), Max: milliseconds(t.latency.Max()),
	}
	r.Lag = Lag{P50: milliseconds(t.lag.ValueAtQuantile(50)), P99: milliseconds(t.lag.ValueAtQuantile(99)), Max: milliseconds(t.lag.Max())}
	r.LatencyHistogram, r.LagHistogram, r.Stages = Histogram{t.latency}, Histogram{t.lag}, t.stageFigures()
	r.Rate = Rate{}
	if r.Seconds > 0 {
		r.Rate = Rate{Asked: float64(r.Requests) / r.Seconds, Achieved: float64(r.OK) / r.Ended}
	}
	r.Labels = nil
	if t.checked > 0 {
		r.Labels = &Labels{Checked: t.checked, Wrong: t.wrong}
	}
	r.PerReplica = perReplica(r.Timeline, r.Replicas)
	r.SLO = []Verdict{}
	for _, slo := range slos {
		r.SLO = append(r.SLO, slo.judge(t, r.PerReplica))
	}
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

func (t *totals) quantile(q float64) float64 { return milliseconds(t.latency.ValueAtQuantile(q)) }

func milliseconds(micros int64) float64 { return float64(micros) / 1000 }

func (r *Recorder) timeline() []Second {
	line := make([]Second, len(r.seconds))
	inFlight := int64(0)
	for i, s := range r.seconds {
		inFlight += s.due - s.ended
		line[i] = Second{
			Second: i, Due: s.due, OK: s.ok, Failed: s.failed, Errors: s.errors, Answered: s.answered,
			P50: s.quantile(50), P99: s.quantile(99), InFlight: inFlight, Heat: cells(s.heat),
		}
	}
	return line
}

// quantile is in milliseconds; 0 where nothing was answered. Of a closed second only those of the time line are known.
func (s *second) quantile(q float64) float64 {
	switch {
	case s.latency != nil:
		return float64(s.latency.ValueAtQuantile(q)) * float64(coarse) / float64(time.Millisecond)
	case q == 50:
		return s.p50
	default:
		return s.p99
	}
}
