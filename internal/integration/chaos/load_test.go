package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
)

const (
	// answerWithin is the dispatcher's own limit for a request and a little: what has not been answered by then never is.
	answerWithin = 35 * time.Second
	// lossesToStop are enough to know.
	lossesToStop = 50
)

// load sends requests at random instants, whatever becomes of those before, until it has sent as many as are asked for and is told that
// what it is there to see is over. Each is sent once.
type load struct {
	t      *testing.T
	client *http.Client
	form   form
	ask    asker
	ledger ledger
	diary  *diary

	sent      atomic.Int64
	told      atomic.Bool // the scenario is over
	abort     context.CancelFunc
	allBack   chan struct{} // closed once all that was sent is in the ledger
	began     time.Time
	sentUntil time.Time
	heldBack  time.Duration // how long the rate was not kept
}

func startLoad(t *testing.T, client *http.Client, f form, d *diary) *load {
	t.Helper()
	l := &load{t: t, client: client, form: f, diary: d, ask: f.kind.asks(t, chance(questions)), allBack: make(chan struct{}), began: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	l.abort = cancel
	t.Cleanup(func() { cancel(); <-l.allBack })
	go l.run(ctx, chance(arrivals))
	return l
}

func (l *load) run(ctx context.Context, random *rand.Rand) {
	defer close(l.allBack)
	var pending sync.WaitGroup
	defer pending.Wait()
	defer func() { l.sentUntil = time.Now() }()
	places := make(chan struct{}, l.form.unanswered)
	due := time.Now()
	for n := 0; l.goesOn() || !l.told.Load(); n++ {
		due = due.Add(time.Duration(random.ExpFloat64() / l.form.rate * float64(time.Second)))
		if !sleepUntil(ctx, due) || l.ledger.losses() >= lossesToStop {
			return
		}
		places <- struct{}{} // each is given back within answerWithin
		if late := time.Since(due); late > time.Second {
			l.heldBack += late
			due = due.Add(late)
		}
		q := l.ask(n)
		l.sent.Add(1)
		pending.Go(func() {
			defer func() { <-places }()
			l.send(ctx, n, q)
		})
	}
}

// goesOn tells whether requests are left to send.
func (l *load) goesOn() bool {
	return int(l.sent.Load()) < l.form.requests && l.ledger.losses() < lossesToStop
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *load) send(parent context.Context, n int, q question) {
	ctx, cancel := context.WithTimeout(parent, answerWithin)
	defer cancel()
	began := time.Now()
	err := l.exchange(ctx, n, q)
	if parent.Err() != nil {
		return // the test has ended, and has said why
	}
	l.ledger.enter(entry{n: n, at: began.Sub(l.diary.began), took: time.Since(began), err: err})
}

// exchange sends a question and checks the answer.
func (l *load) exchange(ctx context.Context, n int, q question) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, serviceURL+q.path, bytes.NewReader(q.body))
	if err != nil {
		return err
	}
	req.GetBody = nil // the client must not send a body twice: what is cut off under its hands is lost
	req.Header.Set("Content-Type", q.contentType)
	req.Header.Set(api.HeaderRequestID, fmt.Sprintf("request-%d", n)) // as the dispatcher's log names it
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("the answer was cut off after %d bytes: %w", len(text), err)
	}
	var a api.PredictResponse
	switch {
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d: %s", resp.StatusCode, text)
	case json.Unmarshal(text, &a) != nil || !q.right(a):
		return fmt.Errorf("the answer is not that question's: %s", text)
	}
	return nil
}

// enough tells that the scenario is over: what is left to send is sent, and no more.
func (l *load) enough() { l.told.Store(true) }

// finish lets the load send what is left of it, waits for the answers, and ends the test unless each has come.
func (l *load) finish() {
	l.t.Helper()
	l.enough()
	<-l.allBack // each request ends within answerWithin, and a few losses end the load
	l.client.CloseIdleConnections()
	sent := int(l.sent.Load())
	l.t.Logf("%d requests at %.0f/s, %v held back; %s", sent, float64(sent)/l.sentUntil.Sub(l.began).Seconds(), l.heldBack.Round(time.Millisecond), l.ledger.tells())
	if sent < l.form.requests || l.ledger.answered() != sent {
		l.t.Fatalf("%d requests, want at least %d; lost:\n%s\nwhat was done meanwhile:\n%s", sent, l.form.requests, l.ledger.tellsLosses(), l.diary)
	}
}
