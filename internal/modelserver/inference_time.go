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
}

// believedFor is how long what was measured last is believed. A server that was slow refuses whoever cannot wait, and so measures nothing:
// were it believed for ever, it would never find out that it is quick again.
const believedFor = time.Second

// expected is how long inference will take that starts now; 0: that is not known.
func (i *inferenceTime) expected(now time.Time) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now.After(i.until) {
		return 0
	}
	return i.average
}

// note takes in how long one took that ends now. It counts for twice the average at most: one that took half a minute stood still.
func (i *inferenceTime) note(took time.Duration, now time.Time) {
	const weight = 8 // an eighth for the newest
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.average > 0 {
		took = min(took, 2*i.average)
	}
	if now.After(i.until) {
		i.average = took
	} else {
		i.average += (took - i.average) / weight
	}
	i.until = now.Add(believedFor)
}
