// Package pace says when the next request is due. A profile is a rate over time with a text form; a schedule turns it into instants,
// evenly spaced or as a Poisson process, the same for the same seed.
package pace

import (
	"math"
	"strings"
	"time"
)

// shape is one part of a profile: a rate over a stretch of time. Seconds count from the shape's start.
type shape interface {
	// seconds is how long the shape lasts.
	seconds() float64
	// rate is requests per second at t.
	rate(t float64) float64
	// integral is how many requests are due from the shape's start up to t: never falling.
	integral(t float64) float64
	// String is the text that Parse reads.
	String() string
}

// Profile is shapes one after another.
type Profile struct {
	shapes []shape
}

// Constant is one rate for a while.
func Constant(rate float64, length time.Duration) Profile {
	return Profile{shapes: []shape{line{rate, rate, length.Seconds()}}}
}

// Then is p followed by q.
func (p Profile) Then(q Profile) Profile {
	return Profile{shapes: append(append([]shape{}, p.shapes...), q.shapes...)}
}

// Duration is how long the profile lasts.
func (p Profile) Duration() time.Duration {
	total := 0.0
	for _, s := range p.shapes {
		total += s.seconds()
	}
	return toDuration(total)
}

// Requests is how many requests are due over the whole profile, on average.
func (p Profile) Requests() float64 {
	total := 0.0
	for _, s := range p.shapes {
		total += s.integral(s.seconds())
	}
	return total
}

// Rate is requests per second at an instant after the start; 0 outside the profile.
func (p Profile) Rate(at time.Duration) float64 {
	t := at.Seconds()
	if t < 0 {
		return 0
	}
	for _, s := range p.shapes {
		if t < s.seconds() {
			return s.rate(t)
		}
		t -= s.seconds()
	}
	return 0
}

// String is the text form: shapes joined by spaces.
func (p Profile) String() string {
	texts := make([]string, len(p.shapes))
	for i, s := range p.shapes {
		texts[i] = s.String()
	}
	return strings.Join(texts, " ")
}

func toDuration(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds * float64(time.Second)))
}
