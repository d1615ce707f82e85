package chaos_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// entry is what became of one request.
type entry struct {
	n        int
	at, took time.Duration // since the scenario began; until its end
	err      error         // nil: it was answered, and rightly
}

// ledger has an entry for each request. Its methods may be called from any goroutine.
type ledger struct {
	mu    sync.Mutex
	times []time.Duration // of those answered
	lost  []entry
}

func (l *ledger) enter(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.err != nil {
		l.lost = append(l.lost, e)
		return
	}
	l.times = append(l.times, e.took)
}

func (l *ledger) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.times)
}

func (l *ledger) losses() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lost)
}

// tells how long the answers took.
func (l *ledger) tells() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.times) == 0 {
		return "none answered"
	}
	sorted := slices.Sorted(slices.Values(l.times))
	at := func(share float64) time.Duration {
		return sorted[int(share*float64(len(sorted)-1))].Round(time.Millisecond)
	}
	return fmt.Sprintf("%d answered in p50 %v, p99 %v, at most %v; %d lost", len(sorted), at(0.5), at(0.99), at(1), len(l.lost))
}

func (l *ledger) tellsLosses() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text strings.Builder
	for _, e := range l.lost {
		fmt.Fprintf(&text, "%7.3fs request %d, after %v: %v\n", e.at.Seconds(), e.n, e.took.Round(time.Millisecond), e.err)
	}
	return text.String()
}

// diary notes what is done to the system, for a loss that has to be explained. Its methods may be called from any goroutine.
type diary struct {
	began time.Time
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%7.3fs ", time.Since(d.began).Seconds())+fmt.Sprintf(format, args...))
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}
