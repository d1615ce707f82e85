package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"resnet-autoscaling/internal/bench/figures"
)

// sideBySide is how many dispatchers a Deployment has.
const sideBySide = 3

// several is what it costs that dispatchers do not know of each other: the tail of three, to which clients go in turn, and of one that
// has all the load.
func (b *bench) several(ctx context.Context, s *section) error {
	s.table = [][]string{{"replicas", "dispatchers", "requests", "success", "p50", "p99", "p99.9"}}
	for _, replicas := range []struct {
		title string
		kinds []kind
	}{{"equal", equals(usual, fleetSize)}, {"one 4 × slower", oneSlower(equals(usual, fleetSize), 4)}} {
		err := b.onFleet(ctx, replicas.kinds, func(f *fleet, capacity float64) error { return b.together(ctx, s, replicas.title, f, capacity) })
		if err != nil {
			return err
		}
	}
	s.note("Eight replicas at %.0f %% of what they can serve.", 100*tailLoad)
	return nil
}

// together measures one dispatcher and three in turn.
func (b *bench) together(ctx context.Context, s *section, title string, f *fleet, capacity float64) error {
	rounds := map[int][]outcomes{}
	for round := range b.rounds {
		for _, n := range []int{1, sideBySide} {
			all, err := b.among(ctx, n, role{replicas: f.hosts}, traffic{
				profile: constant(tailLoad*capacity, b.lasts(10*time.Second, 4*time.Second)), seed: uint64(round), timeout: callerWaits, picture: b.picture,
			})
			if err != nil {
				return err
			}
			b.say("  %s, %d: p50 %s, p99 %s", title, n, latency(all.quantile(0.5)), latency(all.quantile(0.99)))
			rounds[n] = append(rounds[n], all)
		}
	}
	for _, n := range []int{1, sideBySide} {
		all := pooled(rounds[n])
		s.table = append(s.table, append([]string{title, fmt.Sprint(n), fmt.Sprint(len(all)), percent(all.success())}, latencies(all, 0.5, 0.99, 0.999)...))
	}
	ratio := figures.Median(figures.Ratios(each(rounds[sideBySide], 0.99), each(rounds[1], 0.99)))
	s.tell("p99 of three against one, replicas "+title, "%s (%s, %s)", times(ratio), latency(pooled(rounds[sideBySide]).quantile(0.99)), latency(pooled(rounds[1]).quantile(0.99)))
	return nil
}

// among sends traffic to n dispatchers in turn.
func (b *bench) among(ctx context.Context, n int, r role, t traffic) (all outcomes, err error) {
	for range n {
		p, openErr := b.open(ctx, dispatcher, r)
		if openErr != nil {
			return nil, openErr
		}
		defer func() { err = errors.Join(err, p.Stop()) }()
		t.urls = append(t.urls, p.url)
	}
	if err := t.warmUp(ctx); err != nil {
		return nil, err
	}
	return t.run(ctx)
}
