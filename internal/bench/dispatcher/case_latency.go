package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"resnet-autoscaling/internal/bench/figures"
)

const (
	mostAdded     = 1.0  // milliseconds, at the p99
	mostCPU       = 0.03 // of what a model server uses for the same requests
	modelCPU      = 11.3 // milliseconds of CPU that a model server takes for a picture, with INT8
	halfLoad      = 0.5 * fleetSize / 0.012
	peersAt       = 64 // connections at which the peers are measured too
	directly      = "directly"
	manySlots     = 256
	latencyWarmUp = 500 * time.Millisecond
)

// connections are how many clients there are, each with one connection that is busy half of the time.
var connections = []int{1, 8, 64, 512}

// cycle is how often each of n clients asks: so that all of them make half the load of a fleet, or as much of it as they can.
func cycle(n int) time.Duration {
	return max(2*serviceTime, time.Duration(float64(n)/halfLoad*float64(time.Second)))
}

// added is what one round saw of a way to the replicas.
type added struct {
	outcome keptOutcome
	cpu     float64 // milliseconds of the proxy's, a request
}

// latency is how much longer answers take through a proxy than directly, less the time that the replica says it took.
func (b *bench) latency(ctx context.Context, s *section) error {
	s.table = [][]string{{"connections", "way", "requests", "beyond the replica's time: p50", "p99", "added: p50", "p99", "CPU a request"}}
	worst := 0.0
	for _, n := range connections {
		rounds, err := b.ways(ctx, s, n)
		if err != nil {
			return fmt.Errorf("%d connections: %w", n, err)
		}
		for _, c := range rounds.order {
			s.table = append(s.table, rounds.row(n, c))
		}
		p50, p99 := rounds.more(dispatcher, 0.5), rounds.more(dispatcher, 0.99)
		s.judge(p99 <= mostAdded, fmt.Sprintf("p99 added over %d connections", n), "≤ "+latency(mostAdded), "%s (p50: %s)", latency(p99), latency(p50))
		worst = max(worst, rounds.cpu(dispatcher))
	}
	s.judge(worst/modelCPU <= mostCPU, "CPU against the model servers'", percent(mostCPU)+" or less", "%s (%.3f ms a request)", percent(worst/modelCPU), worst)
	s.note("Each connection has a client that asks at fixed times; replicas take half of the time between them, so that half of the connections have a request out: %v with %d of them, "+
		"longer with more, at %.0f requests/s (with fewer: as many as they can). Directly, the same clients ask the replicas themselves.", serviceTime, fleetSize, halfLoad)
	s.note("A model server takes %.1f ms of CPU for a picture (INT8). Added is the median over the rounds of the difference from the same round's way without a proxy.", modelCPU)
	return nil
}

// wayRounds are the rounds of each way.
type wayRounds struct {
	order  []contender
	rounds map[string][]added
}

func (b *bench) ways(ctx context.Context, s *section, n int) (w wayRounds, err error) {
	f, err := b.fleet(ctx, equals(kind{service: cycle(n) / 2, slots: manySlots}, fleetSize))
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	w = wayRounds{order: []contender{{name: directly, title: directly, family: none}, dispatcher}, rounds: map[string][]added{}}
	if n == peersAt {
		w.order = append(w.order, b.available(nginxLeast, haproxyLeast, envoyLeast)...)
	}
	w.order, err = b.inRounds(ctx, s, w.order, func(_ int, c contender) error {
		one, err := b.way(ctx, n, c, f)
		if err != nil {
			return err
		}
		b.say("  %3d connections, %-22s p50 %s, p99 %s, CPU %.3f ms", n, c.title, latency(one.outcome.quantile(0.5)), latency(one.outcome.quantile(0.99)), one.cpu)
		w.rounds[c.name] = append(w.rounds[c.name], one)
		return nil
	})
	return w, err
}

// way measures one way once.
func (b *bench) way(ctx context.Context, n int, c contender, f *fleet) (one added, err error) {
	k := keepers{picture: b.picture, cycle: cycle(n), n: n}
	if c.name == directly {
		k.hosts = f.hosts
		one.outcome, err = k.run(ctx, b.lasts(4*time.Second, 3*time.Second))
		return one, err
	}
	p, err := b.open(ctx, c, role{replicas: f.hosts, caller: callerWaits, workers: 2})
	if err != nil {
		return one, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	k.hosts = []string{p.host()}
	if _, err := k.run(ctx, max(latencyWarmUp, 2*k.cycle)); err != nil {
		return one, err
	}
	before := p.CPU()
	one.outcome, err = k.run(ctx, b.lasts(4*time.Second, 3*time.Second))
	one.cpu = figures.Milliseconds(p.CPU()-before) / float64(len(one.outcome))
	return one, err
}

func (w wayRounds) each(c contender, share float64) (list []float64) {
	for _, one := range w.rounds[c.name] {
		list = append(list, one.outcome.quantile(share))
	}
	return list
}

// more is by how much a quantile is above that of the direct way, in milliseconds: the median over the rounds.
func (w wayRounds) more(c contender, share float64) float64 {
	through, direct := w.each(c, share), w.each(contender{name: directly}, share)
	for i := range through {
		through[i] -= direct[i]
	}
	return figures.Median(through)
}

func (w wayRounds) cpu(c contender) float64 {
	var all []float64
	for _, one := range w.rounds[c.name] {
		all = append(all, one.cpu)
	}
	return figures.Median(all)
}

func (w wayRounds) row(n int, c contender) []string {
	requests := 0
	for _, one := range w.rounds[c.name] {
		requests += len(one.outcome)
	}
	row := []string{
		fmt.Sprint(n), c.title, fmt.Sprint(requests), latency(figures.Median(w.each(c, 0.5))), latency(figures.Median(w.each(c, 0.99))), "", "", "",
	}
	if c.name != directly {
		row[5], row[6], row[7] = latency(w.more(c, 0.5)), latency(w.more(c, 0.99)), fmt.Sprintf("%.3f ms", w.cpu(c))
	}
	return row
}
