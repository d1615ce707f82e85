package dispatcher

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/balance"
)

// A request that waited for the first replica has all its patience again once that is there: it still has to become ready.
func TestPatienceBeginsWithTheFirstReplica(t *testing.T) {
	for name, c := range map[string]struct {
		ready time.Duration // when the replica, which is seen after nine seconds, has said what it can do
		ends  time.Duration
		err   error
	}{
		"in time":  {18 * time.Second, 18 * time.Second, nil},
		"too late": {20 * time.Second, 19 * time.Second, errQueueTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(Options{Queue: 10, QueueTimeout: 10 * time.Second}, func(balance.Endpoint) bool { return true })
				defer q.wake.Stop()
				start := time.Now()
				time.AfterFunc(9*time.Second, func() {
					q.change(func(p *balance.Pool) { p.SetEndpoints([]balance.Endpoint{{Name: "a", URL: "http://a", Serving: true}}) })
				})
				time.AfterFunc(c.ready, func() {
					q.change(func(p *balance.Pool) { p.Learn("a", balance.Said{Slots: 1, Capacity: 10, Load: -1}, time.Now()) })
				})
				g, err := q.acquire(context.Background(), &ticket{Client: "one", Arrived: start, Patient: time.Minute})
				if !errors.Is(err, c.err) || time.Since(start) != c.ends || (g == nil) != (err != nil) {
					t.Errorf("after %v: %v, %v; want %v after %v", time.Since(start), g, err, c.err, c.ends)
				}
				time.Sleep(time.Minute) // what the timers start ends within the test
			})
		})
	}
}

// A burst may wait for most of the time that its callers have. Where twice as many come as can be served, and go on coming, a long line is
// of use to nobody: it gets shorter.
func TestALineThatStandsGetsShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(Options{Queue: 1000, QueueTimeout: 10 * time.Second}, func(balance.Endpoint) bool { return true })
		defer q.wake.Stop()
		const takes, patient = 100 * time.Millisecond, 2 * time.Second
		q.change(func(p *balance.Pool) {
			p.SetEndpoints([]balance.Endpoint{{Name: "a", URL: "http://a", Serving: true}})
			p.Learn("a", balance.Said{Slots: 1, Capacity: 10, Load: -1}, time.Now())
		})
		var mu sync.Mutex
		longest, served := map[string]time.Duration{}, 0
		ask := func(phase string) {
			joined := time.Now()
			g, err := q.acquire(t.Context(), &ticket{Client: "one", Arrived: joined, Patient: patient})
			if err != nil {
				return
			}
			mu.Lock()
			longest[phase], served = max(longest[phase], time.Since(joined)), served+1
			mu.Unlock()
			time.Sleep(takes)
			q.done(g.Answered)
		}
		start := time.Now()
		for since := time.Duration(0); since < 40*time.Second; since = time.Since(start) {
			phase := "between"
			if since < balance.Standing {
				phase = "at first"
			} else if since > balance.Standing+patient {
				phase = "standing"
			}
			go ask(phase)
			time.Sleep(takes / 2)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if first, later := longest["at first"], longest["standing"]; first < patient/2 || later > patient/2 || later < patient/4 {
			t.Errorf("they waited for %v at first and for %v later, want most of %v and then less than half of it", first, later, patient)
		}
		if served < 400 {
			t.Errorf("%d were served of the 400 that the replica had time for", served)
		}
	})
}
