package scaling

import (
	"fmt"
	"math"
	"time"
)

// Demand is the load over time and what a replica can do about it.
type Demand struct {
	// Rates are requests per second that came to all replicas together, in steps of equal length, oldest first, as far back as is known;
	// those of the last hours are enough. Not a number: not known.
	Rates []float64
	Step  time.Duration
	At    time.Time // the end of the last step
	Err   error     // why there are none; wraps one of the errors above
	// Partial says that something is missing from the rates, such as one of several dispatchers: they may be too low.
	Partial bool
	// Served says that the rates are of requests that were answered: what was shed or still waits is not in them.
	Served bool

	Waiting   float64       // requests in the dispatchers' queues
	Capacity  float64       // requests per second that a replica measured itself to answer; 0: not known
	Answering float64       // requests per second that all replicas together answered in the last step; 0: not known
	Slots     int           // requests that a replica works on at once
	StartTime time.Duration // that pods usually take until they are ready; 0: as long as those that are there took
	Season    Season

	Skew time.Duration // by how much our clock, which At is by, is ahead of the cluster's, which pods are by
}

// Season is the load of days and weeks ago, in minutes; the zero value is of no use and does no harm.
type Season struct {
	Minutes []float64 // mean requests per second, oldest first; not a number: not known
	At      time.Time // the end of the last minute
}

// at is the load at a time, over some minutes around it; false where it is not known.
func (s Season) at(t time.Time, around int) (float64, bool) {
	back := int(math.Ceil(s.At.Sub(t).Minutes()))
	middle := len(s.Minutes) - back
	from, to := middle-around, middle+around+1
	if s.At.IsZero() || from < 0 || to > len(s.Minutes) {
		return 0, false
	}
	sum := 0.0
	for _, v := range s.Minutes[from:to] {
		sum += v
	}
	return sum / float64(to-from), !math.IsNaN(sum)
}

// usable is the rates of so long, without gaps, or why they cannot be used.
func (d Demand) usable(of time.Duration) ([]float64, error) {
	if d.Err != nil {
		return nil, d.Err
	}
	if len(d.Rates) == 0 || d.Step <= 0 || math.IsNaN(d.Rates[len(d.Rates)-1]) {
		return nil, fmt.Errorf("%w on the load", ErrNoData)
	}
	if !(d.Waiting >= 0) || math.IsInf(d.Waiting, 0) {
		return nil, fmt.Errorf("%w: a queue of %v", ErrInvalid, d.Waiting)
	}
	rates := d.Rates[max(0, len(d.Rates)-int(of/d.Step)):]
	gaps := false
	for _, r := range rates {
		if r < 0 || math.IsInf(r, 0) {
			return nil, fmt.Errorf("%w: a load of %v", ErrInvalid, r)
		}
		gaps = gaps || math.IsNaN(r)
	}
	if !gaps {
		return rates, nil
	}
	return bridged(rates), nil
}

// bridged takes over gaps what was known after them: the newest rate is known.
func bridged(rates []float64) []float64 {
	whole := append([]float64{}, rates...)
	for i := len(whole) - 2; i >= 0; i-- {
		if math.IsNaN(whole[i]) {
			whole[i] = whole[i+1]
		}
	}
	return whole
}

// usualStart is how long pods take to get ready: what is told, else the median of those that are there.
func usualStart(told time.Duration, pods []Pod) time.Duration {
	if told > 0 {
		return told
	}
	var took [64]time.Duration
	n := 0
	for _, p := range pods {
		if p.Ready && !p.Started.IsZero() && p.Since.After(p.Started) && n < len(took) {
			i := n
			for ; i > 0 && took[i-1] > p.Since.Sub(p.Started); i-- {
				took[i] = took[i-1]
			}
			took[i] = p.Since.Sub(p.Started)
			n++
		}
	}
	if n == 0 {
		return unknownStart
	}
	return took[n/2]
}

// unknownStart is what a pod is taken to need before one has been seen to start.
const unknownStart = 30 * time.Second
