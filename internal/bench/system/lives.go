package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"resnet-autoscaling/internal/bench/soak"
)

const (
	lookEvery = 5 * time.Second
	// slack is how many more goroutines and files a process may have afterwards than one of its role had before: a scrape, a probe and a question
	// that are on their way at that moment are a connection each, which is a file and two goroutines.
	slack = 8
	// filesOfAPod are those that the node agent has open for each pod, of which there may be more than before: its process, its output, its log.
	filesOfAPod = 3
	// settleTime is longer than any connection may rest: a server's for two minutes, a dispatcher's to a replica for 90 s. A process that is
	// looked at before has some of them still.
	settleTime = 150 * time.Second
)

// life is one process, from when it was first seen to its end or the soak's.
type life struct {
	Role  role          `json:"role"`
	PID   int           `json:"pid"`
	Looks []soak.Vitals `json:"looks"`
	After *soak.Vitals  `json:"after,omitempty"` // once all was at rest; nil: it had ended before

	process process
	watch   soak.Watch
}

// lives are all processes that were seen. One goroutine at a time may use it.
type lives struct {
	system *system
	byPID  map[int]*life
	before map[role]soak.Vitals // the most of each role before the load
}

func newLives(y *system) *lives {
	return &lives{system: y, byPID: map[int]*life{}, before: map[role]soak.Vitals{}}
}

// look looks at all that live, all at once: one that stands still holds up no other.
func (l *lives) look(ctx context.Context) (seen map[*life]soak.Vitals) {
	seen = map[*life]soak.Vitals{}
	var mu sync.Mutex
	var looking sync.WaitGroup
	for _, p := range l.system.processes("") {
		one, known := l.byPID[p.pid]
		if !known || !one.process.self.Is(p.self) {
			one = &life{Role: p.role, PID: p.pid, process: p, watch: soak.NewWatch(p.url, p.pid)}
			l.byPID[p.pid], l.system.met[p.pid] = one, p
		}
		looking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			if v, err := one.watch.Look(ctx); err == nil { // else it stands still, or has ended
				mu.Lock()
				defer mu.Unlock()
				seen[one] = v
			}
		})
	}
	looking.Wait()
	return seen
}

// rest notes what each role holds before the load.
func (l *lives) rest(ctx context.Context) {
	const looks = 5
	for range looks {
		for one, v := range l.look(ctx) {
			l.before[one.Role] = l.before[one.Role].Or(v)
		}
		sleep(ctx, time.Second)
	}
}

// follow looks until ctx ends.
func (l *lives) follow(ctx context.Context) {
	for sleep(ctx, lookEvery) {
		for one, v := range l.look(ctx) {
			one.Looks = append(one.Looks, v)
		}
	}
}

// settle waits until no process holds more than before, and comes back with what those hold that hold more than they may, in words.
func (l *lives) settle(ctx context.Context) (all []string) {
	for end := time.Now().Add(settleTime); ; {
		left := 0
		all = nil
		for one, v := range l.look(ctx) {
			one.After = &v
			left += len(l.holds(one, 0))
			all = append(all, l.holds(one, slack)...)
		}
		if left == 0 || time.Now().After(end) || !sleep(ctx, time.Second) {
			break
		}
	}
	for _, one := range l.byPID {
		one.watch.Close()
	}
	slices.Sort(all)
	return all
}

// holds is what a process has kept beyond what it had before and a slack, in words. What Prometheus keeps is its own business.
func (l *lives) holds(one *life, slack float64) (all []string) {
	before, after := l.before[one.Role], one.After
	switch one.Role {
	case thePrometheus:
		return nil
	case theLocal:
		before.Files += filesOfAPod * float64(max(0, len(l.system.processes(theReplica))-l.system.replicas))
	}
	if after.Goroutines > before.Goroutines+slack {
		all = append(all, fmt.Sprintf("%s %d has %.0f goroutines, and one had %.0f before", one.Role, one.PID, after.Goroutines, before.Goroutines))
	}
	if after.Files > before.Files+slack {
		all = append(all, fmt.Sprintf("%s %d has %.0f files open, and one had %.0f before", one.Role, one.PID, after.Files, before.Files))
	}
	return all
}

// grown are those whose memory grows, in words. Only who lived long enough is judged.
func (l *lives) grown() (all []string) {
	for _, one := range l.list() {
		r := one.result()
		if share, grows := r.Growth(); one.judged() && grows {
			all = append(all, fmt.Sprintf("the memory of %s %d grows by %.1f %% in ten minutes", one.Role, one.PID, 100*share))
		}
	}
	return all
}

func (one *life) result() soak.Result { return soak.Result{Load: one.Looks} }

// judged tells whether a process lived long enough for its memory to be judged. Prometheus' memory is its own business. The Kubernetes API
// keeps what happened for an hour, as every one does: its memory is judged where the load goes on for twice as long after that.
func (one *life) judged() bool {
	const remembers = time.Hour
	switch {
	case one.Role == thePrometheus || !one.result().JudgesMemory():
		return false
	case one.Role == theLocal:
		return one.Looks[len(one.Looks)/3].Second-one.Looks[0].Second >= remembers.Seconds()
	}
	return true
}

// list are those that were looked at under load: by role, and the longest life first.
func (l *lives) list() (all []*life) {
	for _, one := range l.byPID {
		if len(one.Looks) > 0 {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b *life) int {
		if a.Role != b.Role {
			return slices.Index(roles, a.Role) - slices.Index(roles, b.Role)
		}
		return len(b.Looks) - len(a.Looks)
	})
	return all
}

var roles = []role{theDispatcher, theReplica, theAutoscaler, thePrometheus, theLocal}
