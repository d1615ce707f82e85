package pace

import (
	"iter"
	"math/rand/v2"
	"time"
)

// Spacing begins a schedule: what it returns draws how far the rate's integral, the number of requests due on average, moves on from one
// request to the next.
type Spacing func() (draw func() float64)

// Even spaces requests evenly: the first leaves at once, and each further one when the integral has grown by one.
func Even() Spacing {
	return func() func() float64 {
		step := 0.0
		return func() float64 {
			this := step
			step = 1
			return this
		}
	}
}

// Poisson spaces requests as independent users would: the integral moves by exponential steps of mean one (a Poisson process of varying
// rate is one of rate 1 on the time scale of its integral).
func Poisson(seed uint64) Spacing {
	return func() func() float64 { return rand.New(rand.NewPCG(seed, 0x9E3779B97F4A7C15)).ExpFloat64 }
}

// Due yields the instants, from the start of the profile, at which requests are due.
func (p Profile) Due(spacing Spacing) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		begun, passed := 0.0, 0.0 // seconds and requests of the shapes before this one
		draw := spacing()
		next := draw()
		for _, s := range p.shapes {
			from, total := 0.0, s.integral(s.seconds())
			for ; next < passed+total; next += draw() {
				from = invert(s, next-passed, from)
				if !yield(toDuration(begun + from)) {
					return
				}
			}
			begun, passed = begun+s.seconds(), passed+total
		}
	}
}

// invert finds the instant, not before from, at which a shape's integral reaches a count, by halving.
func invert(s shape, count, from float64) float64 {
	low, high := from, s.seconds()
	const nanosecond = 1e-9
	for high-low > nanosecond {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			break
		}
		if s.integral(middle) < count {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
