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
	Wrong    Kind = "wrong"    // a good answer with another label than the one expected
	Unsent   Kind = "unsent"   // too many in flight: it never left
	Canceled Kind = "canceled" // the test was ended first
)

// Outcome is one request that was due.
type Outcome struct {
	Number   int           // in the order in which they were due, from 0
	Due      time.Duration // since the start of the test
	Lag      time.Duration // how much later it left: the tester's own fault
	Latency  time.Duration // from Due to the end of the answer
	Kind     Kind
	Status   int   // of the answer; 0: none came
	Bytes    int64 // of body, sent
	Received int64 // bytes of body that came back
	Checked  bool  // whether the answer's label was compared with the one expected
	Stages   Stages
}

// Latencies are kept in microseconds from 1 µs to 10 minutes, to three digits.
const (
	longestWait = 10 * time.Minute
	longest     = int64(longestWait / time.Microsecond)
	digits      = 3
	// A second's own latencies, for the time line, are kept coarser: in units of 0.1 ms, to two digits.
	coarse       = 100 * time.Microsecond
	coarseDigits = 2
)

// Recorder collects outcomes. One goroutine at a time may use it. Its memory does not grow with the number of requests, and by a few
// hundred bytes with each second of the test.
type Recorder struct {
	// Patience is how long a request may wait for its answer; 0: ten minutes. The latencies of a second take 17 kB until all its requests
	// must have ended.
	Patience time.Duration
	totals
	seconds   []*second
	open      int // the first second whose own latencies are still kept
	recent    recent
	replicas  []Replicas
	decisions []Decision
	end       time.Duration
}

// totals are the figures over the whole test.
type totals struct {
	latency, lag   *hdrhistogram.Histogram
	stages         [stageCount]*hdrhistogram.Histogram // nil: no answer told it
	counts         map[Kind]int64
	bytes, recvd   int64
	checked, wrong int64
}

func newTotals() totals {
	return totals{latency: newFine(), lag: newFine(), counts: map[Kind]int64{}}
}

func newFine() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, digits) }

// second is what became of the requests that were due within one second, and what arrived in it, to any: good answers, and ends of any kind.
type second struct {
	due, ok, failed, answered, ended int64

	errors  map[Kind]int64
	heat    map[int]int64           // good answers by the row of the heat map; nil: none
	latency *hdrhistogram.Histogram // nil: none of them has a good answer, or the second is closed
	p50     float64                 // of a closed one, in milliseconds
	p99     float64
}

// NewRecorder makes an empty one.
func NewRecorder() *Recorder {
	return &Recorder{totals: newTotals()}
}

// Add records one outcome. Failed requests count in errors, not in the latencies: a fast refusal must not look like speed.
func (r *Recorder) Add(o Outcome) {
	end := o.Due + o.Latency
	if o.Kind == Unsent {
		end = o.Due
	}
	r.end = max(r.end, end)
	r.totals.add(o)
	due, ended := r.at(o.Due), r.at(end)
	due.due++
	ended.ended++
	r.recent.add(end, o)
	if o.Kind != OK {
		due.fail(o.Kind)
		return
	}
	due.answer(o.Latency)
	ended.answered++
}

func (t *totals) add(o Outcome) {
	t.counts[o.Kind]++
	t.bytes += o.Bytes
	t.recvd += o.Received
	record(t.lag, o.Lag, time.Microsecond)
	if o.Checked {
		t.checked++
	}
	if o.Kind == Wrong {
		t.wrong++
	}
	if o.Kind == OK {
		record(t.latency, o.Latency, time.Microsecond)
		t.addStages(o.Stages)
	}
}

// AddReplicas records what was seen of the replicas. desired is -1 where nobody could be asked.
func (r *Recorder) AddReplicas(v Replicas) { r.replicas = append(r.replicas, v) }

// AddDecision records what the autoscaler did.
func (r *Recorder) AddDecision(d Decision) { r.decisions = append(r.decisions, d) }

// at is the second of an instant. One that is so long over that no request due in it can still wait is closed: only its percentiles
// are kept.
func (r *Recorder) at(due time.Duration) *second {
	i := int(due / time.Second)
	for len(r.seconds) <= i {
		r.seconds = append(r.seconds, &second{})
	}
	for ; r.open < len(r.seconds)-1-r.wait(); r.open++ {
		r.seconds[r.open].close()
	}
	return r.seconds[i]
}

// wait is for how many seconds a second stays open: a request that left late waits from then on, so the patience counts twice.
func (r *Recorder) wait() int {
	if r.Patience == 0 {
		return int(longestWait / time.Second)
	}
	return int(min(2*r.Patience+time.Second, longestWait) / time.Second)
}

func (s *second) close() {
	s.p50, s.p99 = s.quantile(50), s.quantile(99)
	s.latency = nil
}

func (s *second) fail(kind Kind) {
	if s.errors == nil {
		s.errors = map[Kind]int64{}
	}
	s.errors[kind]++
	s.failed++
}

func (s *second) answer(latency time.Duration) {
	if s.ok == 0 {
		s.latency, s.heat = newCoarse(), map[int]int64{}
	}
	s.ok++
	s.heat[heatRow(latency)]++
	if s.latency != nil {
		record(s.latency, latency, coarse)
	}
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

func (t *totals) errors() map[Kind]int64 {
	errors := map[Kind]int64{}
	for kind, n := range t.counts {
		if kind != OK {
			errors[kind] = n
		}
	}
	return errors
}
