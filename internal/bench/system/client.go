package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/pace"
)

const (
	// patience is how long a client goes on for an answer. A dispatcher that died is back within seconds.
	patience = 90 * time.Second
	// tryTimeout is the dispatcher's own limit for a request and a little: what has not been answered by then never is.
	tryTimeout = 35 * time.Second
	// firstPause is the pause after a connection broke, which doubles up to the longest.
	firstPause, longestPause = 200 * time.Millisecond, 4 * time.Second
	// restless is how long a connection may be at rest. It is less than a drain: one that was not used since a drain began was not told of it,
	// and is closed, which HTTP/1.1 cannot do without the risk of a request on its way.
	restless = 2 * time.Second
	// mostOpen bounds what is on its way at once: beyond it the schedule is not kept.
	mostOpen = 400
	// fresh is the share of the requests that come over a connection of their own.
	fresh = 0.2
)

// crowd sends what is due, whatever becomes of what was sent before.
type crowd struct {
	url    string
	quiz   *quiz
	ledger *ledger
	kept   *http.Client
	single *http.Client
	random *rand.Rand
	began  time.Time
}

func newCrowd(url string, q *quiz, l *ledger, random *rand.Rand) *crowd {
	client := func(t *http.Transport) *http.Client { return &http.Client{Transport: t, Timeout: tryTimeout} }
	return &crowd{
		url: url, quiz: q, ledger: l, random: random,
		kept:   client(&http.Transport{MaxIdleConnsPerHost: mostOpen, IdleConnTimeout: restless, DisableCompression: true}),
		single: client(&http.Transport{DisableKeepAlives: true, DisableCompression: true}),
	}
}

// load sends a profile's requests and waits for the end of each.
func (c *crowd) load(ctx context.Context, p pace.Profile, seed uint64) {
	var group sync.WaitGroup
	defer c.kept.CloseIdleConnections()
	defer group.Wait()
	places := make(chan struct{}, mostOpen)
	c.began = time.Now()
	n := 0
	for due := range p.Due(pace.Poisson(seed)) {
		if !sleep(ctx, time.Until(c.began.Add(due))) {
			return
		}
		places <- struct{}{} // each is given back within patience
		e := entry{ID: fmt.Sprintf("soak-%d", n), Due: due, Sent: c.now()}
		q, client := c.quiz.ask(n), c.kept
		if c.random.Float64() < fresh {
			client = c.single
		}
		e.What, e.Size = q.what, len(q.body)
		n++
		c.ledger.send(e.ID, e.Sent)
		group.Go(func() {
			defer func() { <-places }()
			c.settle(ctx, client, q, &e)
			c.ledger.enter(e)
		})
	}
}

func (c *crowd) now() time.Duration { return time.Since(c.began) }

// settle sends a request until it has its end: again after a pause where the connection broke, and when it is told to where it was refused.
func (c *crowd) settle(ctx context.Context, client *http.Client, q question, e *entry) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		t, wait, fault := c.try(ctx, client, q, e.ID)
		e.Tries = append(e.Tries, t)
		if t.Why == "" {
			e.End, e.Fault = answered, fault
			if fault != "" {
				e.End = wrong
			}
			return
		}
		if t.broke() {
			wait = pause
		}
		if c.now()+wait > e.Due+patience || !sleep(ctx, wait) {
			if e.End = lost; !t.broke() {
				e.End = refused
			}
			return
		}
	}
}

// try sends a request once. wait is how long to stay away where it was refused for now; fault is what is wrong with its answer.
func (c *crowd) try(ctx context.Context, client *http.Client, q question, id string) (t try, wait time.Duration, fault string) {
	t.From = c.now()
	defer func() { t.To = c.now() }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+q.path, bytes.NewReader(q.body))
	if err != nil {
		t.Why = err.Error()
		return t, 0, ""
	}
	request.GetBody = nil // the client must not send a body twice of its own accord: who breaks a connection is told of
	request.Header.Set("Content-Type", q.contentType)
	request.Header.Set(api.HeaderRequestID, id)
	for name, value := range q.header {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Why = err.Error()
		return t, 0, ""
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Why = fmt.Sprintf("cut off after %d bytes: %v", len(body), err)
		return t, 0, ""
	}
	t.Status = answer.StatusCode
	if got := answer.Header.Get(api.HeaderRequestID); got != id {
		return t, 0, fmt.Sprintf("it got the answer to %s", got)
	}
	if wait, ok := comeAgain(answer); ok {
		t.Why = fmt.Sprintf("%d %.200s", answer.StatusCode, body)
		return t, wait, ""
	}
	if answer.StatusCode != q.status {
		return t, 0, fmt.Sprintf("status %d, not %d: %.200s", answer.StatusCode, q.status, body)
	}
	return t, 0, q.right(body)
}

// comeAgain is how long a client that was refused for now is told to stay away.
func comeAgain(answer *http.Response) (time.Duration, bool) {
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if answer.StatusCode != http.StatusServiceUnavailable || err != nil || seconds < 1 {
		return 0, false
	}
	return time.Duration(seconds) * time.Second, true
}

// sleep is false where ctx ends before the time is over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
