// Package capacity searches for the highest rate that a service keeps its objectives at.
//
// A Search says which rate to try next and is told whether it was kept: it doubles the rate until one is missed, and then halves what is
// between the two. Judge decides that about a rate's load test; a service that falls behind has not kept the rate, whatever its latencies
// were by then. Running the tests is the caller's.
package capacity

import (
	"math"

	"resnet-autoscaling/internal/summary"
)

// leastShare of the first rate is where a search downwards gives up.
const leastShare = 1.0 / 64

// Search is a search by doubling, or by halving where the first rate is too high already, and then by bisection.
type Search struct {
	first, most, precision float64
	kept, missed           float64 // the highest rate that was kept, and the lowest that was not; 0: none
}

// New searches from a rate on, up to another, until the answer is known to within a share, such as 0.05.
func New(first, most, precision float64) *Search {
	return &Search{first: min(first, most), most: most, precision: precision}
}

// Next is the rate to try; ok is false when the answer is known.
func (s *Search) Next() (rate float64, ok bool) {
	switch {
	case s.kept == 0 && s.missed == 0:
		return s.first, true
	case s.kept == 0:
		return s.missed / 2, s.missed/2 >= s.first*leastShare
	case s.missed == 0:
		return min(2*s.kept, s.most), s.kept < s.most
	default:
		// The geometric mean: a search by shares goes by shares.
		return math.Sqrt(s.kept * s.missed), s.missed > s.kept*(1+s.precision)
	}
}

// Tell tells whether a rate was kept.
func (s *Search) Tell(rate float64, kept bool) {
	if kept {
		s.kept = max(s.kept, rate)
	} else if s.missed == 0 || rate < s.missed {
		s.missed = rate
	}
}

// Answer is the highest rate that was kept; 0: none was. bounded is whether a higher one was tried and missed.
func (s *Search) Answer() (rate float64, bounded bool) { return s.kept, s.missed > 0 }

// Share of the requests that may still be waiting at the end of a steady stretch, beyond those that waited at its beginning.
const steadyShare = 0.01

// steadyLeast waiting requests more are no sign of anything.
const steadyLeast = 4

// Steady tells whether a service kept up over a whole test: one that falls behind keeps its latencies for a while, and its queue grows.
func Steady(r summary.Result) bool {
	scheduled := int(r.Seconds)
	if scheduled < 2 || len(r.Timeline) < scheduled {
		return true // too short to grow
	}
	growth := r.Timeline[scheduled-1].InFlight - r.Timeline[0].InFlight
	return float64(growth) <= max(steadyLeast, steadyShare*float64(r.Requests))
}
