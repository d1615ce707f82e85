package dispatcher

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"resnet-autoscaling/internal/balance"
)

// Why a request was not given a replica.
var (
	errQueueFull    = errors.New("the queue is full")
	errQueueTimeout = errors.New("waited too long")
	errHeldBytes    = errors.New("too many bytes are held")
)

// queue is the one queue: requests wait in the order of their arrival, and each leaves with a credit. All of its methods may be called from
// any goroutine.
type queue struct {
	limit    int
	maxBytes int64
	patience time.Duration

	mu      sync.Mutex
	pool    *balance.Pool
	budget  balance.RetryBudget
	waiting *list.List // of *waiter
	held    int64
	wake    *time.Timer // for the next replica that comes back from being set aside
}

type waiter struct {
	avoid   map[string]bool
	granted chan *balance.Grant // of one, so that granting never blocks
}

func newQueue(o Options) *queue {
	q := &queue{limit: o.Queue, maxBytes: o.MaxHeldBytes, patience: o.QueueTimeout, pool: balance.NewPool(), waiting: list.New()}
	q.wake = time.AfterFunc(time.Hour, q.dispatch)
	q.wake.Stop()
	return q
}

// hold reserves memory for a body; release gives it back.
func (q *queue) hold(bytes int64) (release func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held+bytes > q.maxBytes {
		return nil, errHeldBytes
	}
	q.held += bytes
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.held -= bytes
	}, nil
}

// acquire waits for a credit of a replica that is not to be avoided. Errors: errQueueFull at once; errQueueTimeout after the queue's
// patience, which does not run while there is no replica at all; and the context's cause.
func (q *queue) acquire(ctx context.Context, avoid map[string]bool) (*balance.Grant, error) {
	w := &waiter{avoid: avoid, granted: make(chan *balance.Grant, 1)}
	place, err := q.join(w)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(q.patience)
	defer timer.Stop()
	for {
		select {
		case g := <-w.granted:
			return g, nil
		case <-ctx.Done():
			return q.leave(place, w, context.Cause(ctx))
		case <-timer.C:
			if q.replicas() > 0 {
				return q.leave(place, w, errQueueTimeout)
			}
			timer.Reset(q.patience)
		}
	}
}

func (q *queue) join(w *waiter) (*list.Element, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting.Len() >= q.limit {
		return nil, errQueueFull
	}
	place := q.waiting.PushBack(w)
	q.dispatchLocked()
	return place, nil
}

// leave takes a waiter out. A credit that came at the same instant is taken: the request may still use it.
func (q *queue) leave(place *list.Element, w *waiter, why error) (*balance.Grant, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case g := <-w.granted:
		if errors.Is(why, errQueueTimeout) {
			return g, nil
		}
		g.Neutral()
		q.dispatchLocked()
	default:
		q.waiting.Remove(place)
	}
	return nil, why
}

// done ends a grant with how it went, and passes the credit on.
func (q *queue) done(end func(now time.Time)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	end(time.Now())
	q.dispatchLocked()
}

func (q *queue) dispatch() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dispatchLocked()
}

// dispatchLocked gives free credits to the waiters that may use them, first come first served.
func (q *queue) dispatchLocked() {
	now := time.Now()
	for place := q.waiting.Front(); place != nil; {
		w, next := place.Value.(*waiter), place.Next()
		g, ok := q.pool.Pick(now, w.avoid)
		if ok {
			q.waiting.Remove(place)
			w.granted <- g
		} else if len(w.avoid) == 0 {
			break // nobody behind it can be served either
		}
		place = next
	}
	if at, ok := q.pool.NextReturn(now); ok && q.waiting.Len() > 0 {
		q.wake.Reset(at.Sub(now))
	}
}

// change applies a change of the pool and serves whom it helps.
func (q *queue) change(apply func(*balance.Pool)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	apply(q.pool)
	q.dispatchLocked()
}

func (q *queue) noteRequest() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.budget.Request(time.Now())
}

func (q *queue) mayRetry() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.budget.Retry(time.Now())
}

// replicas counts those that take, or will take, requests.
func (q *queue) replicas() int {
	n := 0
	for _, r := range q.status().replicas {
		if r.State != balance.Draining {
			n++
		}
	}
	return n
}

type queueStatus struct {
	replicas []balance.Status
	length   int
	held     int64
}

func (q *queue) status() queueStatus {
	q.mu.Lock()
	defer q.mu.Unlock()
	return queueStatus{replicas: q.pool.Status(time.Now()), length: q.waiting.Len(), held: q.held}
}
