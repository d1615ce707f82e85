// Package lifecycle starts the parts of a binary in order, stops them in reverse, and turns signals into a context.
//
// A binary is one Run of its Parts under WithSignals. The end of any part is the end of all, in a known order, and no error is lost. Why it
// ended is the context's cause: SIGTERM asks for a drain that others can notice, SIGINT for one without delay, a second signal for none.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Why a context from WithSignals ended, as context.Cause tells it.
var (
	// ErrTerminated: SIGTERM. Whoever routes traffic here needs a moment to notice: drain with the delay.
	ErrTerminated = errors.New("terminated (SIGTERM)")
	// ErrInterrupted: SIGINT. A person at the keyboard wants it gone: drain without the delay.
	ErrInterrupted = errors.New("interrupted (SIGINT)")
)

// WithSignals returns a context that the first SIGTERM or SIGINT cancels, with ErrTerminated or ErrInterrupted as its cause.
// From then on the signals have their default effect again: a second one ends the process at once.
// The returned function gives the signals back and releases the goroutine.
func WithSignals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer signal.Stop(signals)
		select {
		case s := <-signals:
			if s == os.Interrupt {
				cancel(ErrInterrupted)
			} else {
				cancel(ErrTerminated)
			}
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// Part is one goroutine's worth of a service. Run blocks until its context ends, then winds the part down and returns.
type Part struct {
	Name string
	Run  func(context.Context) error
}

// Run starts the parts in order and waits. When ctx ends, or when any part returns, they are stopped in reverse order, each
// only after the ones started later have returned: so what depends on a part is gone before the part is. The result joins
// the parts' errors, each under its name; a part that reports its own cancelled context has not failed.
func Run(ctx context.Context, parts ...Part) error {
	ended := make(chan struct{})
	var once sync.Once
	running := make([]*running, len(parts))
	for i, p := range parts {
		running[i] = start(ctx, p, func() { once.Do(func() { close(ended) }) })
	}
	if len(parts) > 0 {
		select {
		case <-ctx.Done():
		case <-ended:
		}
	}
	var errs []error
	for i := len(running) - 1; i >= 0; i-- {
		errs = append(errs, running[i].stop(context.Cause(ctx)))
	}
	return errors.Join(errs...)
}

type running struct {
	name   string
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error
}

func start(parent context.Context, p Part, ended func()) *running {
	// Not a child of the parent: the parent's end reaches the parts one by one, in reverse order.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	r := &running{name: p.Name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer ended()
		defer close(r.done)
		r.err = p.Run(ctx)
	}()
	return r
}

func (r *running) stop(cause error) error {
	r.cancel(cause)
	<-r.done
	if r.err == nil || errors.Is(r.err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", r.name, r.err)
}
