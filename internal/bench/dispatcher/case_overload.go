package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/summary"
)

const (
	normalLoad      = 0.5 // of what the replicas serve
	overloadFactor  = 3
	overloadWaits   = 2 * time.Second // how long callers wait, and say that they do
	settles         = 2 * time.Second // of a phase, before it is looked at
	leastGoodput    = 0.95
	leastKept       = 0.999 // of the accepted requests within their deadline
	refusedWithin   = 50.0  // milliseconds, at the p99
	mostMemory      = 192 << 20
	recoversWithin  = 2 * time.Second
	recoveredFactor = 1.2
)

// phases are the times of the overload test.
type phases struct{ normal, overload, after time.Duration }

func (p phases) whole() time.Duration { return p.normal + p.overload + p.after }

// overload is what becomes of callers, ours and others', when three times as many come as can be served.
func (b *bench) overload(ctx context.Context, s *section) error {
	return b.onFleet(ctx, equals(slower, fleetSize), func(f *fleet, capacity float64) error { return b.floods(ctx, s, f, capacity) })
}

// floods measures the dispatcher for long, and the others for less long.
func (b *bench) floods(ctx context.Context, s *section, f *fleet, capacity float64) error {
	own := phases{normal: b.lasts(12*time.Second, 8*time.Second), overload: b.lasts(2*time.Minute, 30*time.Second), after: b.lasts(12*time.Second, 10*time.Second)}
	others := phases{normal: settles, overload: b.lasts(12*time.Second, 8*time.Second), after: settles}
	s.table = [][]string{{"proxy", "goodput", "refused", "refused after (p99)", "accepted and answered in time", "accepted and not", "most memory"}}
	for _, c := range b.available(dispatcher, nginxLeast, haproxyQueue, envoyLeast) {
		p := others
		if c == dispatcher {
			p = own
		}
		flood := &flood{capacity: capacity, phases: p}
		if err := flood.run(ctx, b, c, f); err != nil {
			if err := b.drop(s, c, err); err != nil {
				return err
			}
			continue
		}
		s.table = append(s.table, flood.row(c))
		b.say("  %s", flood.row(c))
		if c == dispatcher {
			s.judgeOverload(flood)
		}
	}
	s.note("Eight replicas of %v, seen to serve %.0f requests/s; %d times as many come, %v long for the dispatcher and %v for the others. Callers wait for %v and say so. "+
		"Goodput is the answers that came in time, of what the replicas can serve.", fullServiceTime, capacity, overloadFactor, own.overload, others.overload, overloadWaits)
	return nil
}

// flood is an overload and what came of it.
type flood struct {
	phases
	capacity float64
	all      outcomes
	memory   atomic.Int64
	refusals refusals
}

func (f *flood) run(ctx context.Context, b *bench, c contender, replicas *fleet) (err error) {
	p, err := b.open(ctx, c, role{replicas: replicas.hosts, workers: 2, caller: overloadWaits, retry: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	profile, err := f.profile()
	if err != nil {
		return err
	}
	t := traffic{urls: []string{p.url}, timeout: overloadWaits, tell: true, picture: b.picture, answer: f.refusals.note}
	if err := t.warmUp(ctx); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { f.watchMemory(watching, p) })
	f.refusals.begin(watching, t)
	f.all, err = t.follow(ctx, profile)
	f.refusals.wait()
	stop()
	watch.Wait()
	return err
}

func (f *flood) profile() (all pace.Profile, err error) {
	for _, phase := range []struct {
		load   float64
		length time.Duration
	}{{normalLoad, f.normal}, {overloadFactor, f.phases.overload}, {normalLoad, f.after}} {
		one, err := pace.Parse(constant(phase.load*f.capacity, phase.length))
		if err != nil {
			return all, err
		}
		all = all.Then(one)
	}
	return all, nil
}

func (f *flood) watchMemory(ctx context.Context, p *proxy) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		f.memory.Store(max(f.memory.Load(), p.Memory()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// flooded are the requests that were due during the overload, once it had settled.
func (f *flood) flooded() outcomes { return f.all.due(f.normal+settles, f.normal+f.phases.overload) }

// goodput is the good answers that came while it lasted, as a share of what the replicas can serve.
func (f *flood) goodput() float64 {
	from, to := f.normal+settles, f.normal+f.phases.overload
	good := 0
	for _, o := range f.all {
		if at := o.Due + o.Latency; o.Kind == summary.OK && at >= from && at < to {
			good++
		}
	}
	return float64(good) / (to - from).Seconds() / f.capacity
}

// refused are how long the callers that were told to come later waited to hear so, in milliseconds.
func (f *flood) refused() (waited []float64) {
	for _, o := range f.flooded() {
		if o.Kind == summary.Refused {
			waited = append(waited, figures.Milliseconds(o.Latency))
		}
	}
	return waited
}

// accepted is how many requests were not refused, and the share of those that were answered in time.
func (f *flood) accepted() (n int, kept float64) {
	flooded := f.flooded()
	n = len(flooded) - flooded.count(summary.Refused)
	return n, float64(flooded.count(summary.OK)) / float64(n)
}

// recovered is how long after the overload the p99 of all that follows is back near the normal one; ok is false where it does not come back.
func (f *flood) recovered() (after time.Duration, normal float64, ok bool) {
	normal = f.all.due(settles, f.normal).quantile(0.99)
	end := f.normal + f.phases.overload
	for ; after < f.after-settles; after += 100 * time.Millisecond {
		if f.all.due(end+after, f.whole()).quantile(0.99) <= recoveredFactor*normal {
			return after, normal, true
		}
	}
	return after, normal, false
}

func (f *flood) row(c contender) []string {
	n, kept := f.accepted()
	missed := n - f.flooded().count(summary.OK)
	refused := f.refused()
	word := "none"
	if len(refused) > 0 {
		word = latency(quantile(refused, 0.99))
	}
	return []string{
		c.title, percent(f.goodput()), percent(float64(len(refused)) / float64(len(f.flooded()))), word, percent(kept), fmt.Sprintf("%d: %s", missed, f.flooded().without(summary.Refused).failures()),
		fmt.Sprintf("%d MB", f.memory.Load()/1e6),
	}
}

func (s *section) judgeOverload(f *flood) {
	goodput, refused := f.goodput(), f.refused()
	_, kept := f.accepted()
	s.judge(goodput >= leastGoodput, "goodput of capacity", percent(leastGoodput)+" or more", "%s", percent(goodput))
	s.judge(kept >= leastKept, "accepted requests answered in their deadline", percent(leastKept)+" or more", "%s", percent(kept))
	p99 := quantile(refused, 0.99)
	s.judge(p99 <= refusedWithin, "a refusal comes after (p99)", "≤ "+latency(refusedWithin), "%s", latency(p99))
	s.judge(f.refusals.silent.Load() == 0, "refusals without a Retry-After", "0", "%d of %d", f.refusals.silent.Load(), f.refusals.all.Load())
	s.tell("callers that obeyed a Retry-After and then were served", "%s", f.refusals.obedience())
	s.judge(f.memory.Load() <= mostMemory, "the dispatcher's memory at most", fmt.Sprintf("≤ %d MB", mostMemory/1_000_000), "%d MB", f.memory.Load()/1e6)
	after, normal, ok := f.recovered()
	measured := "%v (normal p99: %s)"
	if !ok {
		measured = "not within %v (normal p99: %s)"
	}
	s.judge(ok && after <= recoversWithin, fmt.Sprintf("p99 is within %.1f × normal again", recoveredFactor), "≤ 2 s after the end", measured, after, latency(normal))
}

// without are the outcomes of all other kinds.
func (o outcomes) without(kind summary.Kind) (rest outcomes) {
	for _, one := range o {
		if one.Kind != kind {
			rest = append(rest, one)
		}
	}
	return rest
}
