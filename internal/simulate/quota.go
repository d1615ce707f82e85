package simulate

import (
	"math"
	"math/rand/v2"
)

// quota is a replica's share of a core as the kernel keeps it (CFS bandwidth control: P. Turner, B. B. Rao and N. Rao, "CPU bandwidth
// control for CFS", 2010): with each period comes a budget of CPU time, what is left of the last one is lost, and who has used it up stands
// still until the next. A replica that rested answers at the speed of a core; one that is busy loses up to a period now and then.
type quota struct {
	share  float64 // of a core
	period float64 // in seconds
	phase  float64 // when the first period began: the kernel counts each replica's from its start
	last   float64 // period that there was work in
	left   float64 // of its budget
}

// newQuota is nil for a replica that works at an even pace.
func newQuota(c Cluster, phases *rand.Rand) *quota {
	if c.Period == 0 {
		return nil
	}
	period := c.Period.Seconds()
	return &quota{share: c.CPU, period: period, phase: -period * phases.Float64(), last: -1}
}

// end is when a request ends that starts at a time and takes so long at an even pace.
func (q *quota) end(start, takes float64) float64 {
	if q == nil {
		return start + takes
	}
	needs := takes * q.share
	for at := start; ; at = q.phase + (q.last+1)*q.period {
		// What starts where a period ends belongs to the next, whatever is lost in rounding.
		if now := math.Floor((at-q.phase)/q.period + 1e-9); now > q.last {
			q.last, q.left = now, q.share*q.period
		}
		room := min(q.left, q.phase+(q.last+1)*q.period-at)
		if needs <= room {
			q.left -= needs
			return at + needs
		}
		needs -= room
		q.left -= room
	}
}
