package loadtest_test

import (
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/summary"
)

// stalling answers in 1 ms, but for the first second of every ten it answers nobody.
type stalling struct{ start time.Time }

func (s stalling) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != api.PathPredict {
		return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
	if into := time.Since(s.start) % (10 * time.Second); into < time.Second {
		time.Sleep(time.Second - into)
	}
	time.Sleep(time.Millisecond)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// At 100/s for a minute, six stalls meet 100 requests each: the one due when a stall begins waits 1,001 ms, the next 991 ms, the last
// 11 ms. So of 6,000 requests 600 are slow, evenly from 11 to 1,001 ms: p90 is the slowest of the fast ones, p95 the 300th of the slow
// ones (501 ms), p99 the 540th (901 ms). A tester that waits for an answer before it sends again would meet six slow requests in 5,400
// and call the p99 1 ms. The clock is synctest's, so that the figures are exact on any machine.
func TestAStallingServerCannotHideIt(t *testing.T) {
	listening := serve(t, http.NotFound)
	o := against(t, "constant:100/60s", func(http.ResponseWriter, *http.Request) {})
	o.MaxInFlight = 200 // 101 wait when a stall ends
	synctest.Test(t, func(t *testing.T) {
		o.Where = loadtest.Where{Said: listening.JoinPath(api.PathPredict), Client: &http.Client{Transport: stalling{time.Now()}}}
		slow := 0
		o.Each = func(out summary.Outcome) {
			if out.Latency > 100*time.Millisecond {
				slow++ // those due in the first 900 ms of a stall
			}
		}
		r := run(t, t.Context(), o)
		if slow != 6*91 {
			t.Errorf("%d requests took more than 100 ms, want %d", slow, 6*91)
		}
		if r.Requests != 6000 || r.OK != 6000 || r.Lag.Max > 0.001 {
			t.Fatalf("%d requests, %d answered, up to %v ms late, errors %v", r.Requests, r.OK, r.Lag.Max, r.Errors)
		}
		for name, v := range map[string]struct{ got, want float64 }{
			"p50": {r.Latency.P50, 1}, "p90": {r.Latency.P90, 1}, "p95": {r.Latency.P95, 501}, "p99": {r.Latency.P99, 901}, "max": {r.Latency.Max, 1001},
		} {
			if math.Abs(v.got-v.want) > v.want/500 {
				t.Errorf("%s is %v ms, want %v", name, v.got, v.want)
			}
		}
		for i, s := range r.Timeline[:60] {
			stalled, answered := i%10 == 0, int64(100)
			if stalled {
				answered = 0 // all of them arrive 1 ms after the stall, in the next second
			} else if i%10 == 1 {
				answered = 200
			}
			// The one due at the end of a second is answered 9 ms before the next begins: seconds do not mix.
			if s.Due != 100 || s.Answered != answered || stalled != (s.P99 > 900) || stalled != (s.P50 > 400) {
				t.Errorf("second %+v, want %d answers and stalled %v", s, answered, stalled)
			}
		}
	})
}
