package modelserver

import (
	"sync"
	"time"
)

// inferenceTime is how long inference takes of late, which tells who would miss a deadline.
type inferenceTime struct {
	mu      sync.Mutex
	average time.Duration // a moving one; 0: none yet
	until   time.Time     // it is believed
	least   time.Duration // the quickest ever
}

// believedFor is how long what was measured last is believed. A server that was slow refuses whoever cannot wait, and so measures nothing:
// were it believed for ever, it would never find out that it is quick again. Then whoever can wait for the quickest ever may try.
const believedFor = time.Second

// expected is how long inference will take that starts now, at least; 0: none has been seen.
func (i *inferenceTime) expected(now time.Time) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now.After(i.until) {
		return i.least
	}
	return i.average
}

// note takes in how long one took that ends now. It counts for twice the average at most: one that took half a minute stood still.
func (i *inferenceTime) note(took time.Duration, now time.Time) {
	const weight = 8 // an eighth for the newest
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.average == 0 {
		i.least = took
	} else {
		took = min(took, 2*i.average)
	}
	i.least = min(i.least, took)
	if now.After(i.until) {
		i.average = took
	} else {
		i.average += (took - i.average) / weight
	}
	i.until = now.Add(believedFor)
}
