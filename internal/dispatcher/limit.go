package dispatcher

import (
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// maxBuckets bounds the memory of a flood from many addresses to a few MB; beyond it, who was seen longest ago starts anew.
const maxBuckets = 1 << 14

// limits holds each client to its rate, by a token bucket that has room for one second's worth. Its methods may be called from any
// goroutine.
type limits struct {
	mu      sync.Mutex
	buckets *simplelru.LRU[string, *rate.Limiter]
}

func newLimits() *limits {
	buckets, err := simplelru.NewLRU[string, *rate.Limiter](maxBuckets, nil)
	if err != nil {
		panic(err) // only a size that is not positive is refused
	}
	return &limits{buckets: buckets}
}

// isRate tells what may be a limit: 0 is none.
func isRate(rps float64) bool { return rps >= 0 && !math.IsInf(rps, 0) }

// take counts one request of a client that may send so many a second. It may not when wait is above 0: by then there is room for it.
func (l *limits) take(client string, rps float64, now time.Time) (wait time.Duration) {
	if rps == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.forget(now)
	bucket, ok := l.buckets.Get(client)
	if !ok || bucket.Limit() != rate.Limit(rps) {
		bucket = rate.NewLimiter(rate.Limit(rps), int(max(1, rps)))
		l.buckets.Add(client, bucket)
	}
	if bucket.AllowN(now, 1) {
		return 0
	}
	return max(1, time.Duration((1-bucket.TokensAt(now))/rps*float64(time.Second)))
}

// forget drops the buckets that have filled up since they were used: a new one is no different.
func (l *limits) forget(now time.Time) {
	for {
		_, oldest, ok := l.buckets.GetOldest()
		if !ok || oldest.TokensAt(now) < float64(oldest.Burst()) {
			return
		}
		l.buckets.RemoveOldest()
	}
}
