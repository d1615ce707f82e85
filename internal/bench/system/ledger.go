package main

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// end is how a request ended for its sender.
type end string

// The ends.
const (
	answered end = "answered" // rightly
	wrong    end = "wrong"    // answered, and not so
	refused  end = "refused"  // told to come again (503), until its sender had no patience left
	lost     end = "lost"     // not answered, however often it was sent
)

// try is one time that a request was sent. Times are since the load began.
type try struct {
	From   time.Duration
	To     time.Duration
	Status int    // 0: the connection broke
	Why    string // why there is no answer, or what the refusal said
}

func (t try) broke() bool { return t.Status == 0 }

// entry is what became of one request.
type entry struct {
	ID    string
	What  string // was asked
	Size  int    // bytes of its body
	Due   time.Duration
	Sent  time.Duration
	Tries []try
	End   end
	Fault string // what is wrong with the answer
}

// over is when it had its end.
func (e entry) over() time.Duration { return e.Tries[len(e.Tries)-1].To }

// ledger has every request: those that are on their way, and those that have had their end. Its methods may be called from any goroutine.
type ledger struct {
	mu     sync.Mutex
	open   map[string]time.Duration
	closed []entry
	twice  []string
}

func newLedger() *ledger { return &ledger{open: map[string]time.Duration{}} }

func (l *ledger) send(id string, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[id] = at
}

func (l *ledger) enter(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.open[e.ID]; !ok {
		l.twice = append(l.twice, e.ID)
		return
	}
	delete(l.open, e.ID)
	l.closed = append(l.closed, e)
}

// window is a stretch of time in which a fault explains that connections to the dispatcher break.
type window struct{ from, to time.Duration }

func (w window) touches(t try) bool { return t.From <= w.to && t.To >= w.from }

// balance is what the ledger comes to.
type balance struct {
	Sent       int      `json:"sent"`
	Answered   int      `json:"answered"`   // rightly
	FirstTry   int      `json:"first_try"`  // of those, at once
	Resent     int      `json:"resent"`     // of those, after it was sent again
	Refusals   int      `json:"refusals"`   // tries that were told to come again
	Refused    int      `json:"refused"`    // requests that were told so until their senders had no patience left
	Broken     int      `json:"broken"`     // tries whose connection broke while a dispatcher was dead
	Lost       int      `json:"lost"`       // without an answer
	Wrong      int      `json:"wrong"`      // with another than the right one
	Twice      int      `json:"twice"`      // with two
	Open       int      `json:"open"`       // still on their way when all was over
	Unexcused  int      `json:"unexcused"`  // tries whose connection broke for no known reason
	LongestMS  int      `json:"longest_ms"` // from when it was due to its answer
	Complaints []string `json:"complaints,omitempty"`
}

// mostComplaints are enough to know.
const mostComplaints = 20

// balanced adds the ledger up. A connection may break only in a window, and a request has to end in one right answer.
func (l *ledger) balanced(windows []window) (b balance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	complain := func(e entry, format string, args ...any) {
		if len(b.Complaints) < mostComplaints {
			b.Complaints = append(b.Complaints, fmt.Sprintf("%s (%s, due at %.3fs): ", e.ID, e.What, e.Due.Seconds())+fmt.Sprintf(format, args...))
		}
	}
	b.Sent, b.Open, b.Twice = len(l.closed)+len(l.open), len(l.open), len(l.twice)
	for _, e := range slices.SortedFunc(slices.Values(l.closed), func(a, b entry) int { return cmp.Compare(a.Due, b.Due) }) {
		b.tries(e, windows, complain)
		switch e.End {
		case answered:
			b.Answered++
			b.LongestMS = max(b.LongestMS, int((e.over() - e.Due).Milliseconds()))
			if len(e.Tries) == 1 {
				b.FirstTry++
			} else {
				b.Resent++
			}
		case wrong:
			b.Wrong++
			complain(e, "%s", e.Fault)
		case refused:
			b.Refused++
			complain(e, "refused to the end, after %d tries and %v: %s", len(e.Tries), e.over()-e.Due, e.Tries[len(e.Tries)-1].Why)
		case lost:
			b.Lost++
			complain(e, "lost after %d tries and %v: %s", len(e.Tries), e.over()-e.Due, e.Tries[len(e.Tries)-1].Why)
		}
	}
	return b
}

// tries adds up those of a request that brought no answer.
func (b *balance) tries(e entry, windows []window, complain func(entry, string, ...any)) {
	for _, t := range e.Tries {
		excused := slices.ContainsFunc(windows, func(w window) bool { return w.touches(t) })
		switch {
		case t.broke() && excused:
			b.Broken++
		case t.broke():
			b.Unexcused++
			complain(e, "broken from %.3fs to %.3fs though no dispatcher was dead: %s", t.From.Seconds(), t.To.Seconds(), t.Why)
		case t.Why != "":
			b.Refusals++
		}
	}
}

// faults are what does not balance, in words.
func (b balance) faults() (all []string) {
	for _, f := range []struct {
		n    int
		what string
	}{
		{b.Lost, "lost"}, {b.Refused, "refused to the end"}, {b.Wrong, "answered wrongly"}, {b.Twice, "answered twice"}, {b.Open, "never ended"},
	} {
		if f.n > 0 {
			all = append(all, fmt.Sprintf("%d of %d requests were %s", f.n, b.Sent, f.what))
		}
	}
	if b.Unexcused > 0 {
		all = append(all, fmt.Sprintf("%d connections broke though no dispatcher was dead", b.Unexcused))
	}
	if b.Sent == 0 {
		all = append(all, "nothing was sent")
	}
	return all
}
