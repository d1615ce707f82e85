package balance

import "time"

// A retry budget's shares: a tenth of the requests of the last ten seconds, and at least three a second.
const (
	budgetSeconds = 10
	budgetShare   = 0.1
	budgetLeast   = 3 * budgetSeconds
)

// RetryBudget keeps retries from multiplying an overload: when everything fails, each request is tried once and a few twice. The zero value
// is a full budget; one goroutine at a time may use it.
type RetryBudget struct {
	seconds [budgetSeconds]budgetSecond
}

// budgetSecond is what happened in one second.
type budgetSecond struct {
	second            int64 // since 1970
	requests, retries int
}

// Request notes a request.
func (b *RetryBudget) Request(now time.Time) { b.at(now).requests++ }

// Retry takes one retry out of the budget; false when it is spent.
func (b *RetryBudget) Retry(now time.Time) bool {
	requests, retries := 0, 0
	for _, s := range b.seconds {
		if s.second > now.Unix()-budgetSeconds {
			requests, retries = requests+s.requests, retries+s.retries
		}
	}
	if float64(retries) >= max(budgetLeast, budgetShare*float64(requests)) {
		return false
	}
	b.at(now).retries++
	return true
}

func (b *RetryBudget) at(now time.Time) *budgetSecond {
	s := &b.seconds[now.Unix()%budgetSeconds]
	if s.second != now.Unix() {
		*s = budgetSecond{second: now.Unix()}
	}
	return s
}
