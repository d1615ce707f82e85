package dispatcher

import (
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
)

// rateSeconds is the window that /status tells rates of.
const rateSeconds = 10

// rates counts the last seconds' requests. Its methods may be called from any goroutine.
type rates struct {
	mu      sync.Mutex
	seconds [rateSeconds + 1]rateSecond // one more: the second that runs now is not over
}

type rateSecond struct {
	second                  int64
	arrived, served, failed int
}

func (r *rates) at(now time.Time) *rateSecond {
	s := &r.seconds[now.Unix()%int64(len(r.seconds))]
	if s.second != now.Unix() {
		*s = rateSecond{second: now.Unix()}
	}
	return s
}

func (r *rates) arrived(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at(now).arrived++
}

func (r *rates) ended(now time.Time, code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if code < http.StatusBadRequest {
		r.at(now).served++
	} else {
		r.at(now).failed++
	}
}

// status is requests per second over the last ten full seconds.
func (r *rates) status(now time.Time) api.RateStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	var sum rateSecond
	for _, s := range r.seconds {
		if age := now.Unix() - s.second; age >= 1 && age <= rateSeconds {
			sum.arrived, sum.served, sum.failed = sum.arrived+s.arrived, sum.served+s.served, sum.failed+s.failed
		}
	}
	per := func(n int) float64 { return float64(n) / rateSeconds }
	return api.RateStatus{OfferedRPS: per(sum.arrived), ServedRPS: per(sum.served), FailedRPS: per(sum.failed)}
}
