package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/loadtest"
)

const (
	oneInMany = 50               // refused callers obeys: more would be a load of their own
	mostAhead = 15 * time.Second // a Retry-After that asks for more is not waited for
)

// refusals are the answers that told callers to come later, and what became of some that did as they were told.
type refusals struct {
	all, silent           atomic.Int64 // silent: said nothing of when
	obeyed, served, asked atomic.Int64 // asked: seconds, in all

	ctx    context.Context
	again  traffic
	client *http.Client
	out    sync.WaitGroup
}

// begin makes refused callers come again, with the same traffic's requests, until ctx ends.
func (r *refusals) begin(ctx context.Context, t traffic) {
	t.answer = nil
	r.ctx, r.again, r.client = ctx, t, loadtest.NewClient(mostInFlight)
	r.client.Timeout = t.timeout
	r.client.Transport = &caller{traffic: t, next: r.client.Transport}
}

func (r *refusals) note(a answer) {
	if a.status != http.StatusServiceUnavailable {
		return
	}
	n := r.all.Add(1)
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		r.silent.Add(1)
		return
	}
	if n%oneInMany == 0 {
		r.out.Go(func() { r.obey(time.Duration(seconds) * time.Second) })
	}
}

func (r *refusals) obey(wait time.Duration) {
	if wait > mostAhead {
		return
	}
	select {
	case <-time.After(wait):
	case <-r.ctx.Done():
		return
	}
	r.obeyed.Add(1)
	r.asked.Add(int64(wait / time.Second))
	if ask(r.ctx, r.client, r.again.urls[0], r.again.picture) == nil {
		r.served.Add(1)
	}
}

// wait lets those that obey come back.
func (r *refusals) wait() {
	r.out.Wait()
	r.client.CloseIdleConnections()
}

func (r *refusals) obedience() string {
	n := r.obeyed.Load()
	if n == 0 {
		return "none was asked to"
	}
	return fmt.Sprintf("%s of %d, after %.1f s on average", percent(float64(r.served.Load())/float64(n)), n, float64(r.asked.Load())/float64(n))
}
