package dispatcher

import (
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// recentSeconds is the window that /status tells latencies of.
	recentSeconds = 30
	// slowest is the longest latency that is told apart from longer ones.
	slowest = 5 * time.Minute
)

// recent keeps how long the good answers of the last seconds took, to two digits. Its methods may be called from any goroutine.
type recent struct {
	mu      sync.Mutex
	seconds *hdrhistogram.WindowedHistogram // of microseconds; one for each second, the last one not over yet
	second  int64                           // that the last one is of
}

func newRecent() *recent {
	return &recent{seconds: hdrhistogram.NewWindowed(recentSeconds+1, 1, slowest.Microseconds(), 2)}
}

// answered notes an answer that ended now.
func (r *recent) answered(now time.Time, code int, took time.Duration) {
	if code >= http.StatusBadRequest {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	// Within its bounds the histogram takes every value.
	_ = r.seconds.Current.RecordValue(min(max(took, time.Microsecond), slowest).Microseconds())
}

// turn drops the seconds that are too old by now.
func (r *recent) turn(now time.Time) {
	for range min(now.Unix()-r.second, recentSeconds+1) {
		r.seconds.Rotate()
	}
	r.second = now.Unix()
}

func (r *recent) status(now time.Time) api.LatencyStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	all := r.seconds.Merge()
	milliseconds := func(percentile float64) float64 { return float64(all.ValueAtPercentile(percentile)) / 1000 }
	return api.LatencyStatus{P50: milliseconds(50), P99: milliseconds(99), Answers: all.TotalCount()}
}
