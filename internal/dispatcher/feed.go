package dispatcher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
)

const (
	statusEvery    = time.Second
	historySeconds = 120
	keptDecisions  = 50
	maxListeners   = 256
)

// Why somebody may not listen.
var (
	errManyListeners = errors.New("too many listen already")
	errFeedOver      = errors.New("the feed is over")
)

// feed is what GET /events tells: one producer for all listeners, of whom each takes what is new in its own time. One that is slow misses
// what has been replaced meanwhile, and holds nobody up. Its methods may be called from any goroutine.
type feed struct {
	snapshot func(now time.Time) api.DispatcherStatus // asked only while somebody listens
	rates    func(now time.Time) api.RateStatus

	mu        sync.Mutex
	listeners map[*listener]bool
	history   []api.RateStatus
	decisions [][]byte  // the last ones, as events in the order in which they were told
	decided   int       // how many were told ever
	readable  bool      // whether the decisions can be read
	status    []byte    // the newest status event
	made      time.Time // when it was made
	version   int       // how many different ones there were
	over      chan struct{}
}

// listener is what one of them has been sent.
type listener struct {
	wake    chan struct{} // of one: there is something new
	version int
	decided int
}

func newFeed(snapshot func(time.Time) api.DispatcherStatus, rates func(time.Time) api.RateStatus) *feed {
	return &feed{snapshot: snapshot, rates: rates, listeners: map[*listener]bool{}, history: []api.RateStatus{}, over: make(chan struct{})}
}

// run is the producer. When ctx ends, so does every stream: they would hold the drain up.
func (f *feed) run(ctx context.Context) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	defer close(f.over)
	for {
		select {
		case now := <-tick.C:
			if f.remember(now) {
				f.refresh(now)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// remember adds the rates to the history: all the work there is while nobody listens.
func (f *feed) remember(now time.Time) (heard bool) {
	rates := f.rates(now)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.history = append(f.history, rates)
	f.history = f.history[max(0, len(f.history)-historySeconds):]
	return len(f.listeners) > 0
}

// refresh makes a status and tells the listeners, if it differs from the last one.
func (f *feed) refresh(now time.Time) {
	event := eventOf(api.EventStatus, "", f.snapshot(now))
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.made) {
		return // another one was quicker
	}
	f.made = now
	if !bytes.Equal(event, f.status) {
		f.status = event
		f.version++
		f.wakeAll()
	}
}

func (f *feed) wakeAll() {
	for l := range f.listeners {
		select {
		case l.wake <- struct{}{}:
		default: // it has been woken and not looked yet
		}
	}
}

// tell adds a decision.
func (f *feed) tell(at time.Time, text string) {
	d := api.Decision{At: at, Text: text}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decisions = append(f.decisions, eventOf(api.EventDecision, d.ID(), d))
	f.decisions = f.decisions[max(0, len(f.decisions)-keptDecisions):]
	f.decided++
	f.wakeAll()
}

// setReadable notes whether decisions can be read; the next status tells it.
func (f *feed) setReadable(readable bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readable = readable
}

func (f *feed) areReadable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readable
}

// join makes a listener, and tells what it gets first. leave must follow.
func (f *feed) join() (l *listener, first []byte, err error) {
	if f.stale() {
		f.refresh(time.Now())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case isClosed(f.over):
		return nil, nil, errFeedOver
	case len(f.listeners) >= maxListeners:
		return nil, nil, errManyListeners
	}
	l = &listener{wake: make(chan struct{}, 1), decided: f.decided - len(f.decisions)}
	f.listeners[l] = true
	return l, append(eventOf(api.EventHistory, "", f.history), f.newsLocked(l)...), nil
}

// stale tells whether nobody has kept the status up to date.
func (f *feed) stale() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.made) > statusEvery && len(f.listeners) < maxListeners
}

func (f *feed) leave(l *listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listeners, l)
}

// news is what a listener has not been sent yet.
func (f *feed) news(l *listener) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newsLocked(l)
}

func (f *feed) newsLocked(l *listener) []byte {
	var news []byte
	missing := min(f.decided-l.decided, len(f.decisions))
	for _, d := range f.decisions[len(f.decisions)-missing:] {
		news = append(news, d...)
	}
	if l.version != f.version {
		news = append(news, f.status...)
	}
	l.decided, l.version = f.decided, f.version
	return news
}

// eventOf is a server-sent event with a value as its data.
func eventOf(name, id string, value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // a value of ours that has no JSON is a mistake in the code
	}
	var b bytes.Buffer
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("event: " + name + "\ndata: ")
	b.Write(data)
	b.WriteString("\n\n")
	return b.Bytes()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
