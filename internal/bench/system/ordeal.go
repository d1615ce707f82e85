package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/summary"
)

// ordeal is what a system goes through.
type ordeal struct {
	system *system
	place  *place
	seed   uint64
	length time.Duration
	tell   func(format string, args ...any)

	ledger   *ledger
	lives    *lives
	crowd    *crowd
	strays   *strays
	struck   []struck
	replicas []summary.Replicas
}

func newOrdeal(y *system, p *place, seed uint64, length time.Duration) *ordeal {
	return &ordeal{system: y, place: p, seed: seed, length: length, ledger: newLedger(), lives: newLives(y), strays: &strays{}}
}

// possible are the faults that can be done here; skipped is why others cannot, in words.
func (o *ordeal) possible() (all []fault, skipped []string) {
	for f := range lasts {
		if f == diskFull && o.place.noDisk != nil {
			skipped = append(skipped, fmt.Sprintf("%s: a disk of its own to fill takes the right to mount one: %v", f, o.place.noDisk))
			continue
		}
		all = append(all, f)
	}
	slices.Sort(all) // the same for the same seed
	return all, skipped
}

// run loads and breaks the system. An error says that it could not be done; what is wrong with the system is in the result's Faults.
func (o *ordeal) run(ctx context.Context, rate float64) (result, error) {
	log.SetOutput(o.strays)
	defer log.SetOutput(os.Stderr)
	quiz, err := newQuiz(filepath.Join(o.place.root, "images"), rand.New(rand.NewPCG(o.seed, questions)))
	if err != nil {
		return result{}, err
	}
	o.crowd = newCrowd(o.system.at(8080), quiz, o.ledger, rand.New(rand.NewPCG(o.seed, arrivals)))
	o.lives.rest(ctx)
	if rate == 0 {
		if rate, err = o.throughput(ctx, quiz.photos); err != nil {
			return result{}, err
		}
	}
	p, err := profile(rate, o.length)
	if err != nil {
		return result{}, err
	}
	possible, skipped := o.possible()
	o.tell("A replica does %.1f of the sample pictures per second. Seed %d, %v: %s", rate, o.seed, o.length, p)
	o.drive(ctx, p, plan(o.seed, o.length, possible))
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	return o.judge(ctx, p, skipped), nil
}

// throughput is how many of the sample pictures a second are answered that are sent one after the other: what one replica does.
func (o *ordeal) throughput(ctx context.Context, photos []photograph) (float64, error) {
	const rounds = 3
	begin := time.Now()
	for range rounds {
		for _, p := range photos {
			if t, _, fault := o.crowd.try(ctx, o.crowd.kept, o.crowd.quiz.inForm(p), "measuring"); t.Why+fault != "" {
				return 0, fmt.Errorf("measure a replica with %s: %s%s", p.name, t.Why, fault)
			}
		}
	}
	return float64(rounds*len(photos)) / time.Since(begin).Seconds(), nil
}

// drive sends the load while it strikes and looks.
func (o *ordeal) drive(ctx context.Context, p pace.Profile, strikes []strike) {
	looking, stop := context.WithCancel(ctx)
	var beside, load sync.WaitGroup
	o.crowd.began = time.Now()
	load.Go(func() { o.crowd.load(ctx, p, o.seed) })
	beside.Go(func() { o.lives.follow(looking) })
	beside.Go(func() { o.watchReplicas(looking) })
	for _, s := range strikes {
		if !sleep(ctx, s.At-o.crowd.now()) {
			break
		}
		o.strike(ctx, s)
	}
	load.Wait()
	stop()
	beside.Wait()
}

func (o *ordeal) strike(ctx context.Context, s strike) {
	done := struck{strike: s, From: o.crowd.now()}
	told, err := strikes[s.Fault](o, ctx, s)
	done.To, done.Told = o.crowd.now(), told
	switch {
	case ctx.Err() != nil:
		return
	case errors.Is(err, errNobody):
		done.Told = err.Error()
	case err != nil:
		done.Fault = err.Error()
	}
	o.tell("%8s  %s for %v: %s %s", done.From.Round(100*time.Millisecond), s.Fault, (done.To - done.From).Round(100*time.Millisecond), done.Told, done.Fault)
	o.struck = append(o.struck, done)
}

// watchReplicas notes once a second how many replicas there are, until ctx ends.
func (o *ordeal) watchReplicas(ctx context.Context) {
	for sleep(ctx, time.Second) {
		status, err := o.system.status(ctx)
		if err != nil {
			continue // the dispatcher stands still, or is being replaced
		}
		v := summary.Replicas{Second: int(o.crowd.now().Seconds()), Ready: status.ReadyReplicas(), Desired: -1, Queue: status.Queue.Length}
		for _, r := range status.Replicas {
			v.Capacity += r.CapacityRPS
		}
		o.replicas = append(o.replicas, v)
	}
}

// judge waits for the system to come to rest, and adds up.
func (o *ordeal) judge(ctx context.Context, p pace.Profile, skipped []string) result {
	r := result{Seed: o.seed, Length: o.length.String(), Profile: p.String(), Skipped: skipped, Strikes: o.struck, profile: p, replicas: o.replicas, started: o.crowd.began}
	if complaint := o.system.eventually(ctx, settleTime, o.system.settled); complaint != "" {
		r.Faults = append(r.Faults, fmt.Sprintf("%v after the load it is not at rest: %s", settleTime, complaint))
	}
	r.Faults = append(r.Faults, o.lives.settle(ctx)...)
	r.Faults = append(r.Faults, o.lives.grown()...)
	r.Balance = o.ledger.balanced(windows(o.struck))
	r.Faults = append(r.Faults, r.Balance.faults()...)
	r.Faults = append(r.Faults, o.strays.told()...)
	for _, s := range o.struck {
		if s.Fault != "" {
			r.Faults = append(r.Faults, fmt.Sprintf("%s at %.1fs: %s", s.strike.Fault, s.From.Seconds(), s.Fault))
		}
	}
	r.decisions, _ = o.system.decisions(ctx) // without them the report has no marks
	r.Lives, r.before, r.entries = o.lives.list(), o.lives.before, o.ledger.closed
	r.addEffects()
	return r
}

// windows are when no dispatcher was there, or none for sure.
func windows(all []struck) (w []window) {
	const aftermath = time.Second
	for _, s := range all {
		if slices.Contains(endDispatcher, s.strike.Fault) {
			w = append(w, window{s.From, s.To + aftermath})
		}
	}
	return w
}

// profile is a mixed load about a rate, from half of it to twice as much: level, rising, falling, in waves, in a spike, and again.
func profile(rate float64, length time.Duration) (p pace.Profile, err error) {
	const usual = 5 * time.Minute
	rounds := max(1, int(length.Round(usual)/usual))
	at := func(multiple float64) string { return fmt.Sprintf("%.2f", multiple*rate) }
	part := func(share float64) time.Duration {
		return time.Duration(share * float64(length) / float64(rounds)).Round(time.Millisecond)
	}
	shapes := []string{
		fmt.Sprintf("constant:%s/%v", at(0.5), part(0.15)), fmt.Sprintf("ramp:%s..%s/%v", at(0.5), at(2), part(0.2)),
		fmt.Sprintf("constant:%s/%v", at(2), part(0.1)), fmt.Sprintf("ramp:%s..%s/%v", at(2), at(0.7), part(0.1)),
		fmt.Sprintf("sine:%s±%s/%v/%v", at(1), at(0.5), part(0.05), part(0.25)), fmt.Sprintf("spike:%s→%s/%v", at(0.7), at(2), part(0.2/3)),
	}
	for range rounds {
		for _, text := range shapes {
			shape, err := pace.Parse(text)
			if err != nil {
				return p, err
			}
			p = p.Then(shape)
		}
	}
	return p, nil
}

// strays are answers that came over a connection on which nothing was asked: second answers. Go's client says so in its log.
type strays struct {
	mu    sync.Mutex
	lines []string
}

// Write takes a line of the log.
func (s *strays) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(string(line), "Unsolicited response") {
		s.lines = append(s.lines, strings.TrimSpace(string(line)))
	}
	return len(line), nil
}

func (s *strays) told() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) > 0 {
		all = append(all, fmt.Sprintf("%d answers came that nobody had asked for: %s", len(s.lines), s.lines[0]))
	}
	return all
}
