package balance

import "time"

const (
	// longestComing bounds when a caller is told to come again: nobody knows how things stand later.
	longestComing = 30 * time.Second
	// unknownPace is the time between two callers while it is not known how quickly the line moves.
	unknownPace = time.Second
)

// Comings tells callers that were refused when to come again, each at a time of its own: when there will be a place, if those who were
// refused before come as they were told. Else all of them would come at once, and be refused again. The zero value has told nobody.
type Comings struct {
	next time.Time
}

// Next is in how long to come again, at least excess, which is by how much the line is too long now, where rate requests a second leave it; 0: not known.
func (c *Comings) Next(now time.Time, excess time.Duration, rate float64) time.Duration {
	if at := now.Add(excess); c.next.Before(at) {
		c.next = at
	}
	pace := unknownPace
	if rate > 0 {
		pace = time.Duration(float64(time.Second) / rate)
	}
	c.next = c.next.Add(pace)
	if latest := now.Add(longestComing); c.next.After(latest) {
		c.next = latest
	}
	return c.next.Sub(now)
}
