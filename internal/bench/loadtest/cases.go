package main

import (
	"context"
	"math"
	"slices"
	"time"

	"resnet-autoscaling/internal/capacity"
)

// The stalling server: an answer takes a millisecond, but for a second of every ten nobody gets one.
const (
	stallAnswer = time.Millisecond
	stallEvery  = 10 * time.Second
	stallFor    = time.Second
	stallRate   = 100
	stallSlow   = 100 * time.Millisecond
)

// arithmetic is what the stalling server makes of evenly spaced requests, whoever counts them.
func arithmetic(length time.Duration) (requests, slow int64, p99 float64) {
	gap := time.Second / stallRate
	var took []time.Duration
	for due := time.Duration(0); due < length; due += gap {
		wait := stallAnswer
		if into := due % stallEvery; into < stallFor {
			wait += stallFor - into
		}
		took = append(took, wait)
	}
	return int64(len(took)), slower(took, stallSlow), float64(quantile(took, 0.99)) / 1e6
}

// quantile is the value that a share of all does not exceed.
func quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// stalled is what a tester says of the stalling server.
func (b *bench) stalled(ctx context.Context, t tester) (told, error) {
	s, err := b.serve(ctx, "--answer="+stallAnswer.String(), "--every="+stallEvery.String(), "--stall="+stallFor.String())
	if err != nil {
		return told{}, err
	}
	defer s.stop()
	return t.run(ctx, load{url: s.url, rate: stallRate, length: b.flags.Stall, form: b.small, slow: stallSlow})
}

// costRate is at what rate the cost of a request is measured, where every tester keeps up.
const costRate = 1000

// cost is the CPU time of a request of 100 kB.
func (b *bench) cost(ctx context.Context, t tester) (told, error) {
	s, err := b.serve(ctx)
	if err != nil {
		return told{}, err
	}
	defer s.stop()
	return t.run(ctx, load{url: s.url, rate: costRate, length: b.flags.Length, form: b.large})
}

// keptShare is how much of a rate has to be answered, from the first request to the last answer, for it to be kept.
const keptShare = 0.99

// highest is the highest rate of 100 kB forms that a tester keeps; of one without a schedule, what it sends at most.
func (b *bench) highest(ctx context.Context, t tester) (float64, error) {
	s, err := b.serve(ctx)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	if !t.open {
		r, err := t.run(ctx, load{url: s.url, length: b.flags.Length, form: b.large})
		return r.rate, err
	}
	search := capacity.New(1000, 64000, 0.03)
	for {
		rate, ok := search.Next()
		if !ok {
			kept, _ := search.Answer()
			return kept, nil
		}
		rate = math.Round(rate)
		r, err := t.run(ctx, load{url: s.url, rate: rate, length: b.flags.Length, form: b.large})
		if err != nil {
			return 0, err
		}
		search.Tell(rate, r.rate >= keptShare*rate)
	}
}

// exactRate is at what rate the schedule is looked at.
const exactRate = 1000

// lateness is by how much requests came later than evenly spaced ones would have, as the server saw them.
type lateness struct {
	requests      int
	p50, p99, max float64 // milliseconds
}

// exact is how exactly a tester's requests come.
func (b *bench) exact(ctx context.Context, t tester) (lateness, error) {
	s, err := b.serve(ctx)
	if err != nil {
		return lateness{}, err
	}
	defer s.stop()
	if _, err := t.run(ctx, load{url: s.url, rate: exactRate, length: b.flags.Length, form: b.small}); err != nil {
		return lateness{}, err
	}
	at, err := s.arrivals(ctx)
	return lateBy(at, exactRate), err
}

// lateBy lays the evenly spaced schedule against the arrivals so that half of them are early, and half late: where a schedule begins, the
// server cannot know.
func lateBy(at []time.Duration, rate float64) lateness {
	slices.Sort(at)
	off := make([]float64, len(at))
	for i, came := range at {
		off[i] = came.Seconds()*1000 - float64(i)*1000/rate
	}
	slices.Sort(off)
	if len(off) == 0 {
		return lateness{}
	}
	middle := off[len(off)/2]
	for i := range off {
		off[i] = math.Abs(off[i] - middle)
	}
	slices.Sort(off)
	at99 := min(len(off)-1, int(0.99*float64(len(off))))
	return lateness{requests: len(off), p50: off[len(off)/2], p99: off[at99], max: off[len(off)-1]}
}
