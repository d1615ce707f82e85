package loadtest

import (
	"context"
	"iter"
	"time"

	"resnet-autoscaling/internal/pace"
)

// exactly is how near to an instant the exact clock takes over from the runtime's timers, which are up to a millisecond late.
const exactly = 2 * time.Millisecond

// slowestWarmup is the rate of a warm-up before a profile that begins with nothing, in requests per second.
const slowestWarmup = 1

// due yields the instants of all requests, from the start of the profile: those of the warm-up are below 0.
func (o Options) due() iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		if o.Warmup > 0 {
			warm := pace.Constant(max(slowestWarmup, o.Profile.Rate(0)), o.Warmup)
			for due := range warm.Due(o.Spacing) {
				if !yield(due - o.Warmup) {
					return
				}
			}
		}
		o.Profile.Due(o.Spacing)(yield)
	}
}

// sleeper waits for instants.
type sleeper struct {
	timer *time.Timer
	sleep func(time.Duration) error // nil: the timer does it all
}

func newSleeper(sleep func(time.Duration) error) *sleeper {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &sleeper{timer, sleep}
}

// until returns false when ctx ends first.
func (s *sleeper) until(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if s.sleep != nil {
		wait -= exactly
	}
	if wait > 0 {
		s.timer.Reset(wait)
		select {
		case <-s.timer.C:
		case <-ctx.Done():
			s.timer.Stop()
			return false
		}
	}
	if s.sleep != nil {
		// What cannot be slept exactly is slept by the runtime: a late request is told by its lag.
		if err := s.sleep(time.Until(at)); err != nil {
			s.sleep = nil
			return s.until(ctx, at)
		}
	}
	return ctx.Err() == nil
}
