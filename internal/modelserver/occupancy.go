package modelserver

import (
	"sync"
	"time"
)

// occupancy is for how long there was work for all slots.
type occupancy struct {
	slots int

	mu       sync.Mutex
	requests int
	since    time.Time // when there was work for all; while there is
	total    time.Duration
}

func (o *occupancy) came() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.requests++; o.requests == o.slots {
		o.since = time.Now()
	}
}

func (o *occupancy) went() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.requests == o.slots {
		o.total += time.Since(o.since)
	}
	o.requests--
}

// until is that, up to a time.
func (o *occupancy) until(now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.requests >= o.slots {
		return o.total + now.Sub(o.since)
	}
	return o.total
}
