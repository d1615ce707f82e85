package report

import (
	"fmt"
	"math"

	"resnet-autoscaling/internal/summary"
)

// most is how many points a line may have; a wide screen shows no more.
const most = 400

// timeline is the test in buckets of equal width, from its start to the end of its last request.
type timeline struct {
	end, scheduled float64 // seconds
	width          int     // seconds in a bucket
	buckets        []bucket
	replicas       []summary.Replicas
}

// bucket is one stretch of the test. Rates are means over it; of the percentiles of its single seconds it keeps the worst, so that no
// bad second hides in a long bucket.
type bucket struct {
	from, to         float64 // seconds
	due              int64
	answered, failed int64
	ok               int64
	p50, p99         float64 // milliseconds; meaningless when ok is 0
	errors           map[summary.Kind]int64
	inFlight         int64         // most at the end of a second
	heat             map[int]int64 // good answers by row of the heat map
}

func newTimeline(r summary.Result) timeline {
	t := timeline{end: max(r.Ended, r.Seconds), scheduled: r.Seconds, replicas: r.Replicas, width: widthFor(r.Ended)}
	for from := 0; float64(from) < t.end; from += t.width {
		to := min(float64(from+t.width), t.end)
		if n := len(t.buckets); n > 0 && to-float64(from) < float64(t.width)/2 {
			// A sliver would turn a few answers into a huge rate.
			t.buckets[n-1].to = to
			continue
		}
		t.buckets = append(t.buckets, bucket{from: float64(from), to: to, errors: map[summary.Kind]int64{}, heat: map[int]int64{}})
	}
	for _, s := range r.Timeline {
		t.buckets[min(s.Second/t.width, len(t.buckets)-1)].add(s)
	}
	return t
}

// widthFor is the least round width with which a test has few enough buckets.
func widthFor(seconds float64) int {
	widths := []int{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800}
	for _, w := range widths {
		if seconds/float64(w) <= most {
			return w
		}
	}
	const hour = 3600
	return hour * int(math.Ceil(seconds/most/hour))
}

func (b *bucket) add(s summary.Second) {
	b.due += s.Due
	b.answered += s.Answered
	b.inFlight = max(b.inFlight, s.InFlight)
	for _, cell := range s.Heat {
		b.heat[cell.Row] += cell.Count
	}
	b.failed += s.Failed
	for kind, n := range s.Errors {
		b.errors[kind] += n
	}
	if s.OK > 0 {
		b.ok += s.OK
		b.p50, b.p99 = max(b.p50, s.P50), max(b.p99, s.P99)
	}
}

// grain says what a point of the lines stands for.
func (t timeline) grain() string {
	if t.width == 1 {
		return "Each point is one second."
	}
	return fmt.Sprintf("Each point is %s: rates are its mean, percentiles those of its worst second, errors its sum.", stretch(float64(t.width)))
}

// stretch is a length of time in words.
func stretch(seconds float64) string {
	switch {
	case seconds >= 3600 && math.Mod(seconds, 3600) == 0:
		return fmt.Sprintf("%g h", seconds/3600)
	case seconds >= 60 && math.Mod(seconds, 60) == 0:
		return fmt.Sprintf("%g min", seconds/60)
	default:
		return fmt.Sprintf("%g s", seconds)
	}
}

// point is a value that holds over a stretch of time.
type point struct{ from, to, value float64 }

// curve is a value over time: runs of points, apart where the value is not known.
type curve [][]point

// last is its last value; 0 where it has none.
func (c curve) last() float64 {
	if len(c) == 0 {
		return 0
	}
	run := c[len(c)-1]
	return run[len(run)-1].value
}

// highest is its highest value, and when it began.
func (c curve) highest() (value, at float64) {
	for _, run := range c {
		for _, p := range run {
			if p.value > value {
				value, at = p.value, p.from
			}
		}
	}
	return value, at
}

// runs collects what value yields for each bucket, split where it has none.
func (t timeline) runs(value func(bucket) (float64, bool)) curve {
	var all curve
	open := false
	for _, b := range t.buckets {
		v, ok := value(b)
		if ok && !open {
			all = append(all, nil)
		}
		if ok {
			last := len(all) - 1
			all[last] = append(all[last], point{b.from, b.to, v})
		}
		open = ok
	}
	return all
}

// asked is by the time that the schedule covered, which may end within a bucket.
func (t timeline) asked(b bucket) (float64, bool) {
	covered := min(b.to, t.scheduled) - b.from
	return float64(b.due) / covered, covered > 0
}

func (b bucket) perSecond(n int64) float64 { return float64(n) / (b.to - b.from) }

// replicasAt is what was last seen by the end of a bucket.
func (t timeline) replicasAt(b bucket) (seen summary.Replicas, ok bool) {
	for _, r := range t.replicas {
		if float64(r.Second) >= b.to {
			break
		}
		seen, ok = r, true
	}
	return seen, ok
}
