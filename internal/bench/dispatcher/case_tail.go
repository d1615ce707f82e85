package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"resnet-autoscaling/internal/bench/figures"
)

const (
	fleetSize    = 8
	tailLoad     = 0.8    // of what all replicas together serve
	tailRequests = 20_000 // at least, over all rounds
	callerWaits  = 10 * time.Second
	// noise is what two equals may differ by here: the p99 of several thousand requests that wait for each other.
	noise = 1.10
)

// oneSlow is the tail with one replica slower than the rest.
func (b *bench) oneSlow(ctx context.Context, s *section) error {
	runs, err := b.tails(ctx, s, oneSlower(equals(usual, fleetSize), 4), dispatcher, nginxRoundRobin, nginxSetsAside, nginxLeast, haproxyLeast, haproxyQueue, envoyLeast)
	if err != nil {
		return err
	}
	s.tellTails(runs)
	for _, c := range runs.contenders[1:] {
		ratio, bound := runs.against(c), 1.0
		required := "lower"
		if c == nginxRoundRobin {
			bound, required = 2, "≥ 2 × lower"
		}
		s.judge(ratio >= bound && ratio > 1, "p99 against "+c.title, required, "%s lower (%s, %s)", times(ratio), latency(runs.p99(dispatcher)), latency(runs.p99(c)))
	}
	return nil
}

// allEqual is the tail with equal replicas.
func (b *bench) allEqual(ctx context.Context, s *section) error {
	runs, err := b.tails(ctx, s, equals(usual, fleetSize), dispatcher, nginxRoundRobin, nginxLeast, haproxyLeast, haproxyQueue, envoyLeast)
	if err != nil {
		return err
	}
	s.tellTails(runs)
	for _, c := range runs.contenders[1:] {
		ratio := runs.against(c)
		s.judge(ratio*noise >= 1, "p99 against "+c.title, fmt.Sprintf("no worse (by at most %.0f %%)", 100*(noise-1)), "%s lower (%s, %s)",
			times(ratio), latency(runs.p99(dispatcher)), latency(runs.p99(c)))
	}
	return nil
}

// tailRuns are the outcomes of each contender, a list for each round.
type tailRuns struct {
	contenders []contender
	rate       float64
	rounds     map[string][]outcomes
}

// tails loads each contender at the same share of a fleet's capacity.
func (b *bench) tails(ctx context.Context, s *section, kinds []kind, all ...contender) (runs tailRuns, err error) {
	err = b.onFleet(ctx, kinds, func(f *fleet, capacity float64) (err error) {
		runs, err = b.tailsAt(ctx, s, f, tailLoad*capacity, b.available(all...))
		return err
	})
	return runs, err
}

func (b *bench) tailsAt(ctx context.Context, s *section, f *fleet, rate float64, all []contender) (runs tailRuns, err error) {
	runs = tailRuns{rate: rate, rounds: map[string][]outcomes{}}
	seconds := b.lasts(time.Duration(tailRequests/runs.rate/float64(b.rounds)*float64(time.Second))+time.Second, 4*time.Second)
	runs.contenders, err = b.inRounds(ctx, s, all, func(round int, c contender) error {
		all, err := b.through(ctx, c, role{replicas: f.hosts, workers: 2, caller: callerWaits, retry: true}, traffic{
			profile: constant(runs.rate, seconds), seed: uint64(round), timeout: callerWaits, picture: b.picture,
		})
		if err != nil {
			return err
		}
		b.say("  %-44s p50 %s, p99 %s, p99.9 %s, success %s", c.title, latency(all.quantile(0.5)), latency(all.quantile(0.99)), latency(all.quantile(0.999)), percent(all.success()))
		runs.rounds[c.name] = append(runs.rounds[c.name], all)
		return nil
	})
	return runs, err
}

// constant is a profile of one rate.
func constant(rate float64, length time.Duration) string {
	return fmt.Sprintf("constant:%.3f/%s", rate, length)
}

// through starts a contender, warms it up, sends it traffic and stops it.
func (b *bench) through(ctx context.Context, c contender, r role, t traffic) (all outcomes, err error) {
	p, err := b.open(ctx, c, r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	t.urls = []string{p.url}
	if err := t.warmUp(ctx); err != nil {
		return nil, err
	}
	if t.begun != nil {
		t.begun()
	}
	return t.run(ctx)
}

// warmUp makes connections and lets a proxy learn what it learns.
func (t traffic) warmUp(ctx context.Context) error {
	t.profile, t.answer = constant(100, time.Second), nil
	_, err := t.run(ctx)
	return err
}

// pooled are the requests of all rounds.
func pooled(rounds []outcomes) outcomes { return slices.Concat(rounds...) }

// each is a quantile of every round.
func each(rounds []outcomes, share float64) (list []float64) {
	for _, round := range rounds {
		list = append(list, round.quantile(share))
	}
	return list
}

func (t tailRuns) p99(c contender) float64 { return pooled(t.rounds[c.name]).quantile(0.99) }

// against is how many times as long the slowest 1 % take with another one as with ours, from the same rounds.
func (t tailRuns) against(c contender) float64 {
	return figures.Median(figures.Ratios(each(t.rounds[c.name], 0.99), each(t.rounds[dispatcher.name], 0.99)))
}

func (s *section) tellTails(runs tailRuns) {
	s.table = [][]string{{"proxy", "requests", "success", "p50", "p90", "p99", "p99.9", "its p99 is"}}
	for _, c := range runs.contenders {
		all := pooled(runs.rounds[c.name])
		s.table = append(s.table, []string{
			c.title, fmt.Sprint(len(all)), percent(all.success()), latency(all.quantile(0.5)), latency(all.quantile(0.9)), latency(all.quantile(0.99)), latency(all.quantile(0.999)),
			times(runs.against(c)) + " ours",
		})
	}
	s.note("%.0f requests/s, 80 %% of what all replicas were seen to serve when asked directly; the tester itself was late by %s at its p99.", runs.rate, latency(pooled(runs.rounds[dispatcher.name]).lag(0.99)))
}
