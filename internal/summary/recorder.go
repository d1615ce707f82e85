// Package summary turns the outcomes of a load test into what a person or a CI job judges it by: percentiles, errors by kind, the rate
// asked and achieved, replicas over time, and the verdict against an SLO.
package summary

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Kind is how a request ended.
type Kind string

// The kinds; a bounded set, whatever servers say.
const (
	OK       Kind = "ok"
	Timeout  Kind = "timeout"  // no answer within the time-out
	Connect  Kind = "connect"  // no connection
	Broken   Kind = "broken"   // the connection ended before the answer did
	Refused  Kind = "503"      // overloaded or draining, by its own word
	Late     Kind = "504"      // the server gave up
	Caller   Kind = "4xx"      // our request was wrong
	Server   Kind = "5xx"      // any other failure of the server's
	Unsent   Kind = "unsent"   // too many in flight: it never left
	Canceled Kind = "canceled" // the test was ended first
)

// Outcome is one request that was due.
type Outcome struct {
	Due     time.Duration // since the start of the test
	Lag     time.Duration // how much later it left: the tester's own fault
	Latency time.Duration // from Due to the end of the answer
	Kind    Kind
	Bytes   int64 // of body, sent
	Checked bool  // whether the answer's label was compared with the one expected
	Wrong   bool  // and was another one
}

// Latencies are kept in microseconds from 1 µs to 10 minutes, to three digits.
const (
	longest = int64(10 * time.Minute / time.Microsecond)
	digits  = 3
	// A second's own latencies, for the time line, are kept coarser: in units of 0.1 ms, to two digits.
	coarse       = 100 * time.Microsecond
	coarseDigits = 2
)

// Recorder collects outcomes. One goroutine at a time may use it. Its memory grows with the test's length, not its rate.
type Recorder struct {
	latency, lag *hdrhistogram.Histogram
	counts       map[Kind]int64
	bytes        int64
	checked      int64
	wrong        int64
	seconds      []*second
	recent       recent
	replicas     []Replicas
	end          time.Duration
}

// second is what became of the requests that were due within one second, and how many good answers, to any, arrived in it.
type second struct {
	due, ok, failed, answered int64
	errors                    map[Kind]int64
	latency                   *hdrhistogram.Histogram // nil: none of them has a good answer
}

// NewRecorder makes an empty one.
func NewRecorder() *Recorder {
	return &Recorder{
		latency: hdrhistogram.New(1, longest, digits),
		lag:     hdrhistogram.New(1, longest, digits),
		counts:  map[Kind]int64{},
	}
}

// Add records one outcome. Failed requests count in errors, not in the latencies: a fast refusal must not look like speed.
func (r *Recorder) Add(o Outcome) {
	r.counts[o.Kind]++
	r.bytes += o.Bytes
	r.end = max(r.end, o.Due+o.Latency)
	record(r.lag, o.Lag, time.Microsecond)
	s := r.at(o.Due)
	s.due++
	if o.Kind != OK {
		s.fail(o.Kind)
		return
	}
	s.answer(o.Latency)
	r.at(o.Due+o.Latency).answered++
	r.recent.add(o.Due+o.Latency, o.Latency)
	record(r.latency, o.Latency, time.Microsecond)
	if o.Checked {
		r.checked++
	}
	if o.Wrong {
		r.wrong++
	}
}

// AddReplicas records what was seen of the replicas. desired is -1 where nobody could be asked.
func (r *Recorder) AddReplicas(v Replicas) { r.replicas = append(r.replicas, v) }

func (r *Recorder) at(due time.Duration) *second {
	i := int(due / time.Second)
	for len(r.seconds) <= i {
		r.seconds = append(r.seconds, &second{})
	}
	return r.seconds[i]
}

func (s *second) fail(kind Kind) {
	if s.errors == nil {
		s.errors = map[Kind]int64{}
	}
	s.errors[kind]++
	s.failed++
}

func (s *second) answer(latency time.Duration) {
	if s.latency == nil {
		s.latency = newCoarse()
	}
	record(s.latency, latency, coarse)
	s.ok++
}

func newCoarse() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest*int64(time.Microsecond)/int64(coarse), coarseDigits)
}

// record clamps: a value beyond the range is the range's end, never lost.
func record(h *hdrhistogram.Histogram, v, unit time.Duration) {
	n := min(max(int64(v/unit), h.LowestTrackableValue()), h.HighestTrackableValue())
	// The value is within the range, the only thing that RecordValue can object to.
	_ = h.RecordValue(n)
}

func (r *Recorder) errors() map[Kind]int64 {
	errors := map[Kind]int64{}
	for kind, n := range r.counts {
		if kind != OK {
			errors[kind] = n
		}
	}
	return errors
}
