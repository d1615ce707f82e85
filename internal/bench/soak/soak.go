// Package soak loads a model server for a long time with all that clients send: pictures of every size and format, broken ones,
// bodies that are too large, the Open Inference Protocol, clients that are slow, hang up, or stay and say nothing. It looks at every
// answer, and at what the server holds meanwhile and afterwards.
package soak

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Options are the settings of a soak. All are required.
type Options struct {
	URL      string
	PID      int // of the server
	Material Material
	Rate     float64       // errands per second
	Rush     int           // now and then so many photos are sent at once: more than the server's queue holds
	Timeout  time.Duration // the server's, for the work on a request
	Length   time.Duration
	Every    time.Duration // how often it is looked at what the server holds
	Settle   time.Duration // how long the server has afterwards to give back what it held
	Seed     uint64
	Progress func(Vitals) // is told of every look
}

// Result is all that was seen.
type Result struct {
	Before Vitals   `json:"before"` // the most of several looks, before the load
	Load   []Vitals `json:"load"`
	After  Vitals   `json:"after"` // once what was held is given back, or Settle has passed
	Kinds  []Tally  `json:"kinds"`
	// ServerErrors is how many requests the server itself counts as its own failures.
	ServerErrors float64 `json:"server_errors"`
	// Ended is what was wrong with how the server ended, in words; who ends it fills it in.
	Ended string `json:"ended,omitempty"`
}

const (
	looksBefore = 10
	lookPause   = 200 * time.Millisecond
)

// Run soaks a server that is ready. An error says that it could not be looked at; what is wrong with the server is in the result's Faults.
func Run(ctx context.Context, o Options) (r Result, err error) {
	c, err := newCrowd(o, o.Material.kinds())
	if err != nil {
		return r, err
	}
	w := newWatch(o.URL, o.PID)
	defer w.close()
	if r.Before, err = w.most(ctx, looksBefore); err != nil {
		return r, err
	}
	loading, cancel := context.WithTimeout(ctx, o.Length)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); c.load(loading) }()
	r.Load, err = w.follow(loading, o.Every, o.Progress)
	cancel() // where the server could not be looked at, the load is for nothing
	<-done
	r.Kinds = c.tallies()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return r, err
	}
	r.After, err = w.settled(ctx, r.Before, o.Settle)
	r.ServerErrors = w.serverErrors
	return r, err
}

// most is the most that the server held in n looks.
func (w *watch) most(ctx context.Context, n int) (most Vitals, err error) {
	for range n {
		v, err := w.look(ctx)
		if err != nil {
			return most, err
		}
		most = most.Or(v)
		if err := pause(ctx, lookPause); err != nil {
			return most, err
		}
	}
	return most, nil
}

// follow looks until ctx ends.
func (w *watch) follow(ctx context.Context, every time.Duration, tell func(Vitals)) (all []Vitals, err error) {
	for pause(ctx, every) == nil {
		v, err := w.look(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return all, fmt.Errorf("under load: %w", err)
		}
		all = append(all, v)
		tell(v)
	}
	return all, nil
}

// settled is what the server holds once it holds no more than before, or at the end of the time that it has for that.
func (w *watch) settled(ctx context.Context, before Vitals, most time.Duration) (v Vitals, err error) {
	for end := time.Now().Add(most); ; {
		if v, err = w.look(ctx); err != nil || v.heldBy(before) || time.Now().After(end) {
			return v, err
		}
		if err := pause(ctx, lookPause); err != nil {
			return v, err
		}
	}
}

// pause waits; its error is that of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
