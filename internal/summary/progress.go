package summary

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// window is how many full seconds back a look at a running test reaches.
const window = 10

// longestWindow is the longest that a limit may look back, in seconds.
const longestWindow = 60

// Progress is how things stand now: over the last few seconds, and in total.
type Progress struct {
	Requests, OK, Failed int64
	Achieved             float64       // good answers per second that arrived in the last ten full seconds
	P50, P99             time.Duration // of those answers
	P90, P999            time.Duration
	Trend                []float64 // good answers that arrived in each of the last full seconds, up to 60
	Errors               map[Kind]int64
	Replicas             *Replicas // the last seen; nil: none seen
}

// Frame is one look at a running test, for a screen to draw.
type Frame struct {
	Progress
	Elapsed, Duration time.Duration
	Asked             float64 // requests per second that the profile asks for now
	InFlight          int
	Done              bool
}

// Progress summarises what is known at an instant of the test.
func (r *Recorder) Progress(now time.Duration) Progress {
	p := Progress{Errors: r.errors()}
	for kind, n := range r.counts {
		p.Requests += n
		if kind != OK {
			p.Failed += n
		}
	}
	p.OK = p.Requests - p.Failed
	last := r.recent.until(now, window)
	p.Achieved = last.rate(int64(last.latency.TotalCount()))
	p.P50, p.P90, p.P99, p.P999 = last.quantile(50), last.quantile(90), last.quantile(99), last.quantile(99.9)
	p.Trend = r.trend(int(now / time.Second))
	if n := len(r.replicas); n > 0 {
		last := r.replicas[n-1]
		p.Replicas = &last
	}
	return p
}

// trend is the answers of the seconds before one.
func (r *Recorder) trend(until int) []float64 {
	var answered []float64
	for at := max(0, until-longestWindow); at < until; at++ {
		n := 0.0
		if at < len(r.seconds) {
			n = float64(r.seconds[at].answered)
		}
		answered = append(answered, n)
	}
	return answered
}

// recent is what arrived in the last seconds, by when it did: by when they were due, a server that answers after 20 s would seem
// to answer nothing. It holds the longest window, the second that runs now, and one more, for answers told a little late.
type recent [longestWindow + 2]arrivals

type arrivals struct {
	second  int
	failed  int64
	latency *hdrhistogram.Histogram
}

func (r *recent) add(at time.Duration, o Outcome) {
	second := int(at / time.Second)
	slot := &r[second%len(r)]
	if slot.latency == nil {
		slot.latency, slot.second = newCoarse(), second
	}
	if slot.second < second {
		slot.latency.Reset()
		slot.second, slot.failed = second, 0
	}
	switch {
	case slot.second != second: // told too late
	case o.Kind == OK:
		record(slot.latency, o.Latency, coarse)
	case o.Kind != Canceled:
		slot.failed++
	}
}

// stretch is what arrived over some seconds.
type stretch struct {
	seconds int
	failed  int64
	latency *hdrhistogram.Histogram
}

// until is the full seconds before now, as many as a window has: the one that runs is not over.
func (r *recent) until(now time.Duration, window int) stretch {
	whole := int(now / time.Second)
	from := max(0, whole-window)
	sum := stretch{seconds: whole - from, latency: newCoarse()}
	for _, slot := range r {
		if slot.latency != nil && slot.second >= from && slot.second < whole {
			sum.latency.Merge(slot.latency)
			sum.failed += slot.failed
		}
	}
	return sum
}

func (s stretch) rate(n int64) float64 {
	if s.seconds == 0 {
		return 0
	}
	return float64(n) / float64(s.seconds)
}

func (s stretch) quantile(q float64) time.Duration {
	return time.Duration(s.latency.ValueAtQuantile(q)) * coarse
}
