package dispatcher

import (
	"context"
	"errors"
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
