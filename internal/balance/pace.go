package balance

import (
	"math"
	"time"
)

// How the rate at which requests are said to leave the line is corrected by the one at which they do leave while others wait: over the last
// ones, within bounds.
const (
	forgotten      = 0.005 // of all that was seen, with each request that leaves
	trusted        = 50    // requests for which what is said is taken for true at first
	fastest        = 2.0   // times the stated rate
	slowest        = 0.05
	outdated       = 5 * time.Second // halves a correction that nothing has confirmed for so long
	longestBetween = time.Second     // two that leave: more is an accident
)

// pace is how quickly requests leave while others wait, beside what was said.
type pace struct {
	last         time.Time // when one left others behind; zero: it left none
	seen, stated float64   // seconds that the last ones took, and should have taken
	learned      time.Time
}

// left notes that a request left at a stated rate, and whether it left others behind.
func (p *pace) left(now time.Time, rate float64, others bool) {
	if !p.last.IsZero() && rate > 0 {
		if p.stated == 0 {
			p.seen, p.stated = trusted/rate, trusted/rate
		}
		p.seen += min(now.Sub(p.last), longestBetween).Seconds() - forgotten*p.seen
		p.stated += 1/rate - forgotten*p.stated
		p.learned = now
	}
	p.last = time.Time{}
	if others {
		p.last = now
	}
}

// correction is what to multiply a stated rate by.
func (p *pace) correction(now time.Time) float64 {
	if p.seen == 0 {
		return 1
	}
	c := min(max(p.stated/p.seen, slowest), fastest)
	return 1 + (c-1)*math.Exp2(-now.Sub(p.learned).Seconds()/outdated.Seconds())
}
