package summary

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// window is how many full seconds back a look at a running test reaches.
const window = 10

// Progress is how things stand now: over the last few seconds, and in total.
type Progress struct {
	Requests, OK, Failed int64
	Achieved             float64       // good answers per second that arrived in the last ten full seconds
	P50, P99             time.Duration // of those answers
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
	p.Achieved, p.P50, p.P99 = r.recent.until(now)
	if n := len(r.replicas); n > 0 {
		last := r.replicas[n-1]
		p.Replicas = &last
	}
	return p
}

// recent is the answers of the last seconds by when they arrived: by when they were due, a server that answers after 20 s would seem
// to answer nothing. It holds the window, the second that runs now, and one more, for answers told a little late.
type recent [window + 2]arrivals

type arrivals struct {
	second  int
	latency *hdrhistogram.Histogram
}

func (r *recent) add(at, latency time.Duration) {
	second := int(at / time.Second)
	slot := &r[second%len(r)]
	if slot.latency == nil {
		slot.latency, slot.second = newCoarse(), second
	}
	if slot.second < second {
		slot.latency.Reset()
		slot.second = second
	}
	if slot.second == second {
		record(slot.latency, latency, coarse)
	}
}

// until is the rate and the percentiles over the full seconds before now: the one that runs is not over.
func (r *recent) until(now time.Duration) (rate float64, p50, p99 time.Duration) {
	whole := int(now / time.Second)
	from := max(0, whole-window)
	sum := newCoarse()
	for _, slot := range r {
		if slot.latency != nil && slot.second >= from && slot.second < whole {
			sum.Merge(slot.latency)
		}
	}
	if whole > from {
		rate = float64(sum.TotalCount()) / float64(whole-from)
	}
	return rate, time.Duration(sum.ValueAtQuantile(50)) * coarse, time.Duration(sum.ValueAtQuantile(99)) * coarse
}
