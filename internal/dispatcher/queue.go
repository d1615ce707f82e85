package dispatcher

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"resnet-autoscaling/internal/balance"
)

// Why a request was not given a replica.
var (
	errQueueFull    = errors.New("the queue is full")
	errTooLate      = errors.New("could not be answered in time")
	errQueueTimeout = errors.New("waited too long")
	errHeldBytes    = errors.New("too many bytes are held")
)

// refusal is an answer at once to a request that would not be served.
type refusal struct {
	error
	wait time.Duration // that it would have had; 0: not known
	back time.Duration // in how long there will be a place for it
}

func (r *refusal) Unwrap() error { return r.error }

// queue is the one queue: a request leaves it with a credit. All of its methods may be called from any goroutine.
type queue struct {
	maxBytes int64
	patience time.Duration
	probe    func(balance.Endpoint) bool // has a replica asked whether it is well again, and does not wait for it; false: it cannot now

	mu      sync.Mutex
	pool    *balance.Pool
	line    *balance.Line[chan *balance.Grant]
	budget  balance.RetryBudget
	comings balance.Comings
	peopled time.Time // since when there is a replica
	held    int64
	heldBy  map[string]int64
	wake    *time.Timer // for the next change that nobody tells
}

type ticket = balance.Ticket[chan *balance.Grant]

func newQueue(o Options, probe func(balance.Endpoint) bool) *queue {
	q := &queue{
		maxBytes: o.MaxHeldBytes, patience: o.QueueTimeout, probe: probe,
		pool: balance.NewPool(), line: balance.NewLine[chan *balance.Grant](o.Queue), heldBy: map[string]int64{},
	}
	q.wake = time.AfterFunc(time.Hour, q.dispatch)
	q.wake.Stop()
	return q
}

// acquire waits for a credit of a replica that the ticket does not avoid. Errors: a *refusal at once, errQueueFull or errTooLate;
// errQueueTimeout after the queue's patience, which does not run while there is no replica at all; and the context's cause.
func (q *queue) acquire(ctx context.Context, t *ticket) (*balance.Grant, error) {
	if g, err := q.join(t); g != nil || err != nil {
		return g, err
	}
	timer := time.NewTimer(q.patience)
	defer timer.Stop()
	for {
		select {
		case g := <-t.Value:
			return g, nil
		case <-ctx.Done():
			return q.leave(t, context.Cause(ctx))
		case <-timer.C:
			left := q.patienceLeft(t)
			if left <= 0 {
				return q.leave(t, errQueueTimeout)
			}
			timer.Reset(left)
		}
	}
}

// patienceLeft is how much longer a request may wait. It has all of it again when the first replica comes.
func (q *queue) patienceLeft(t *ticket) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pool.Staying() == 0 {
		return q.patience
	}
	from := t.Joined()
	if q.peopled.After(from) {
		from = q.peopled
	}
	return q.patience - time.Since(from)
}

// join puts a request into the line. It comes back with a credit where one is free already.
func (q *queue) join(t *ticket) (*balance.Grant, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	rate := q.pool.Rate(now)
	t.Value = make(chan *balance.Grant, 1) // of one, so that granting never blocks
	wait, err := q.line.Join(t, now, rate)
	if err != nil {
		return nil, &refusal{error: errQueueFull, back: q.comings.Next(now, 0, rate)}
	}
	if err := q.inTime(t, now, wait, rate); err != nil {
		q.line.Leave(t)
		return nil, err
	}
	q.dispatchLocked()
	select {
	case g := <-t.Value:
		return g, nil
	default:
		return nil, nil
	}
}

// inTime refuses a request that would wait for longer than it, or the queue, has patience for: it is told so now, while that is of use
// to it, and told when there is a place for it.
func (q *queue) inTime(t *ticket, now time.Time, wait time.Duration, rate float64) error {
	left := min(q.patience, t.Patient-now.Sub(t.Arrived)-q.pool.Usual())
	stands := min(q.line.Stands(now), now.Sub(q.peopled))
	if may := time.Duration(balance.Bearable(stands) * float64(left)); wait > may && wait > 0 {
		return &refusal{error: errTooLate, wait: wait, back: q.comings.Next(now, wait-may, rate)}
	}
	return nil
}

// leave takes a waiter out. A credit that came at the same instant is taken: the request may still use it.
func (q *queue) leave(t *ticket, why error) (*balance.Grant, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.line.Leave(t) {
		return nil, why
	}
	g := <-t.Value
	if errors.Is(why, errQueueTimeout) {
		return g, nil
	}
	g.Left(time.Now())
	q.dispatchLocked()
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

// dispatchLocked gives free credits to those in the line that they suit.
func (q *queue) dispatchLocked() {
	now := time.Now()
	rate := q.pool.Rate(now)
	again := time.Duration(math.MaxInt64)
	var skip map[string]bool
	for q.line.Len() > 0 {
		c, ok := q.pool.Choose(now, skip)
		if c.Again > 0 {
			again = min(again, c.Again)
		}
		if !ok {
			break
		}
		t, ok := q.line.Serve(c.Place, c.Name(), now, rate)
		if !ok {
			if skip == nil {
				skip = map[string]bool{}
			}
			skip[c.Name()] = true
			continue
		}
		t.Value <- q.pool.Take(c, now)
	}
	q.wakeLocked(now, again)
}

// shortestWake keeps a change that does not come from being looked for all the time.
const shortestWake = 100 * time.Microsecond

// wakeLocked looks after what happens by time alone.
func (q *queue) wakeLocked(now time.Time, again time.Duration) {
	for _, e := range q.pool.Due(now) {
		if !q.probe(e) {
			q.pool.Asked(e, false, now)
		}
	}
	if at, ok := q.pool.Next(now); ok {
		again = min(again, at.Sub(now))
	}
	if again < math.MaxInt64 {
		q.wake.Reset(max(again, shortestWake))
	}
}

// change applies a change of the pool and serves whom it helps.
func (q *queue) change(apply func(*balance.Pool)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	empty := q.pool.Staying() == 0
	apply(q.pool)
	if empty && q.pool.Staying() > 0 {
		q.peopled = time.Now()
	}
	q.dispatchLocked()
}

// patient is how long a request may be at the replica that it was given, of the time that it has left.
func (q *queue) patient(g *balance.Grant, left time.Duration) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return g.Patience(left)
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

// staying counts the replicas that take, or will take, requests.
func (q *queue) staying() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pool.Staying()
}

type queueStatus struct {
	replicas []balance.Status
	length   int
	held     int64
}

func (q *queue) status() queueStatus {
	q.mu.Lock()
	defer q.mu.Unlock()
	return queueStatus{replicas: q.pool.Status(), length: q.line.Len(), held: q.held}
}
