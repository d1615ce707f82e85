package dispatcher

import (
	"math"
	"net/http"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
)

func TestRecentLatencies(t *testing.T) {
	begin := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	r := newRecent()
	at := func(second float64) time.Time { return begin.Add(time.Duration(second * float64(time.Second))) }
	want := func(second, p50, p99 float64, answers int64) {
		t.Helper()
		got := r.status(at(second))
		near := func(got, want float64) bool { return math.Abs(got-want) <= want/100 }
		if !near(got.P50, p50) || !near(got.P99, p99) || got.Answers != answers {
			t.Errorf("at %v s: %+v, want p50 %v, p99 %v of %d", second, got, p50, p99, answers)
		}
	}
	want(0, 0, 0, 0)
	for i := range 98 {
		r.answered(at(float64(i)/100), http.StatusOK, 20*time.Millisecond)
	}
	r.answered(at(1), http.StatusOK, 3*time.Second)
	r.answered(at(2), http.StatusOK, 3*time.Second)
	// What was refused at once took no time: it would make the service look quick.
	r.answered(at(2), http.StatusServiceUnavailable, time.Microsecond)
	r.answered(at(2), codeGone, time.Hour)
	want(2, 20, 3000, 100)
	want(30.9, 20, 3000, 100)
	want(31, 3000, 3000, 2) // the first second is too old
	want(33, 0, 0, 0)
	r.answered(at(100), http.StatusOK, time.Hour)
	r.answered(at(99), http.StatusOK, 0) // the clock was set back
	if got := r.status(at(101)); got.Answers != 2 || got.P99 < 290_000 || got.P50 > 1 {
		t.Errorf("beyond the bounds: %+v", got)
	}
	if got := r.status(at(1e6)); got != (api.LatencyStatus{}) {
		t.Errorf("after a long silence: %+v", got)
	}
}
