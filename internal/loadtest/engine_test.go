package loadtest_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/summary"
)

// quick answers at once; the clock is synctest's.
type quick struct{ requests *atomic.Int64 }

func (q quick) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == api.PathPredict {
		q.requests.Add(1)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{"Server-Timing": {"queue;dur=2, inference;dur=7"}}}, nil
}

// virtual runs a test on synctest's clock.
func virtual(t *testing.T, profile string, change func(*loadtest.Options)) (r summary.Result, requests int64) {
	t.Helper()
	listening := serve(t, http.NotFound)
	o := against(t, profile, func(http.ResponseWriter, *http.Request) {})
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		o.Where = loadtest.Where{Said: listening, Client: &http.Client{Transport: quick{&n}}}
		change(&o)
		r = run(t, t.Context(), o)
		requests = n.Load()
	})
	return r, requests
}

func TestAWarmUpCountsNowhere(t *testing.T) {
	var each atomic.Int64
	var began time.Time
	r, sent := virtual(t, "ramp:50..100/2s", func(o *loadtest.Options) {
		o.Warmup = 3 * time.Second
		o.Each = func(out summary.Outcome) {
			if n := each.Add(1); int64(out.Number) != n-1 {
				t.Errorf("outcome %d has the number %d", n, out.Number)
			}
		}
		o.Began = func(at time.Time, _ *url.URL) { began = at }
	})
	if sent != 300 || r.Requests != 150 || each.Load() != 150 || r.Warmup == nil || *r.Warmup != (summary.Warmup{Seconds: 3, Requests: 150}) {
		t.Errorf("%d sent, %d counted, %d told, warm-up %+v", sent, r.Requests, each.Load(), r.Warmup)
	}
	if r.Seconds != 2 || len(r.Timeline) != 2 || r.Rate.Asked != 75 || !r.Started.Equal(began.Round(0)) {
		t.Errorf("the result is of %v s at %v/s, begun at %v and told at %v", r.Seconds, r.Rate.Asked, r.Started, began)
	}
	if cold, sent := virtual(t, "ramp:0..100/2s", func(o *loadtest.Options) { o.Warmup = 3 * time.Second }); sent != cold.Requests+3 {
		t.Errorf("a profile that begins with nothing is warmed up by %d requests", sent-cold.Requests)
	}
}

func TestServerTimingsStandBesideTheClients(t *testing.T) {
	r, _ := virtual(t, "constant:50/1s", func(*loadtest.Options) {})
	if len(r.Stages) != 4 || math.Abs(r.Stages[0].P99-2) > 0.01 || math.Abs(r.Stages[3].P50-7) > 0.01 {
		t.Errorf("%+v", r.Stages)
	}
}

// Whole profiles, on a clock that knows no busy machine: each second has as many requests as the formula says, none is late, and the same
// seed sends the same.
func TestTheScheduleIsKept(t *testing.T) {
	for _, profile := range []string{"constant:300/10s", "ramp:100..500/10s", "step:100,400/5s", "sine:300±200/5s/10s", "spike:100→500/3s"} {
		p, err := pace.Parse(profile)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := virtual(t, profile, func(*loadtest.Options) {})
		for _, s := range r.Timeline {
			want := 0.0
			for i := range 100 {
				want += p.Rate(time.Duration(s.Second)*time.Second+time.Duration(i)*10*time.Millisecond+5*time.Millisecond) / 100
			}
			if math.Abs(float64(s.Due)-want) > 1+0.02*want || math.Abs(float64(s.Answered)-want) > 1+0.02*want {
				t.Errorf("%s: second %d has %d due and %d answered, want %v", profile, s.Second, s.Due, s.Answered, want)
			}
		}
		if r.Lag.Max > 0.001 {
			t.Errorf("%s: up to %v ms late", profile, r.Lag.Max)
		}
	}
	schedule := func(seed uint64) (all []time.Duration) {
		virtual(t, "sine:300±200/5s/10s", func(o *loadtest.Options) {
			o.Spacing = pace.Poisson(seed)
			o.Each = func(out summary.Outcome) { all = append(all, out.Due) }
		})
		return all
	}
	first, second := schedule(7), schedule(7)
	if len(first) < 2000 || fmt.Sprint(first) != fmt.Sprint(second) || fmt.Sprint(first) == fmt.Sprint(schedule(8)) {
		t.Errorf("%d and %d requests of one seed", len(first), len(second))
	}
}

// A clock that cannot sleep is told by nothing but less exact instants: the runtime's timers do it all.
func TestABrokenClockStopsNothing(t *testing.T) {
	r, _ := virtual(t, "constant:50/1s", func(o *loadtest.Options) {
		o.Sleep = func(time.Duration) error { return io.ErrClosedPipe }
	})
	if r.OK != 50 || r.Lag.Max > 0.001 {
		t.Errorf("%d answers, %v ms late", r.OK, r.Lag.Max)
	}
	var exact atomic.Int64
	r, _ = virtual(t, "constant:50/1s", func(o *loadtest.Options) {
		o.Sleep = func(d time.Duration) error {
			if d > 2*time.Millisecond {
				t.Errorf("the exact clock was asked for %v", d)
			}
			if d > 0 {
				exact.Add(1)
			}
			time.Sleep(d)
			return nil
		}
	})
	if r.OK != 50 || r.Lag.Max > 0.001 || exact.Load() < 49 {
		t.Errorf("%d answers, %v ms late, %d exact sleeps", r.OK, r.Lag.Max, exact.Load())
	}
}

func TestALimitCallsATestOff(t *testing.T) {
	limit, err := summary.ParseLimit("errors>50%/5s")
	if err != nil {
		t.Fatal(err)
	}
	listening := serve(t, http.NotFound)
	o := against(t, "constant:10/1h", func(http.ResponseWriter, *http.Request) {})
	screen := &noted{}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		o.Where = loadtest.Where{Said: listening, Client: &http.Client{Transport: answering(func(r *http.Request) int {
			if time.Since(start) > time.Minute {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})}}
		o.Limits, o.Screen = []summary.Limit{limit}, screen
		r := run(t, t.Context(), o)
		if !strings.HasPrefix(r.Aborted, "errors>50%/5s: ") || !r.Early || r.Seconds < 62 || r.Seconds > 64 {
			t.Errorf("called off by %q after %v s", r.Aborted, r.Seconds)
		}
		if len(screen.lines) != 1 || !strings.HasPrefix(screen.lines[0], "called off: ") {
			t.Errorf("told %q", screen.lines)
		}
	})
}

type answering func(*http.Request) int

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a(r), Body: io.NopCloser(strings.NewReader(""))}, nil
}

// Ten answers that all find the same fault with the requests end a test of an hour; one that differs does not.
func TestATestThatCannotWorkIsNoResult(t *testing.T) {
	listening := serve(t, http.NotFound)
	for name, c := range map[string]struct {
		status func(n int64) int
		says   string
	}{
		"wrong path":   {func(int64) int { return http.StatusNotFound }, "404 Not Found: check the path"},
		"wrong method": {func(int64) int { return http.StatusMethodNotAllowed }, "405 Method Not Allowed: check the path"},
		"no key":       {func(int64) int { return http.StatusUnauthorized }, "401 Unauthorized: say who you are"},
		"two of them":  {func(n int64) int { return []int{http.StatusNotFound, http.StatusUnauthorized}[n%2] }, ""},
		"at times":     {func(n int64) int { return []int{http.StatusNotFound, http.StatusOK}[n%2] }, ""},
		"bad pictures": {func(int64) int { return http.StatusBadRequest }, ""},
	} {
		o := against(t, "constant:10/30s", func(http.ResponseWriter, *http.Request) {})
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			start := time.Now()
			o.Where = loadtest.Where{Said: listening, Client: &http.Client{Transport: answering(func(r *http.Request) int {
				if r.Method != http.MethodPost {
					return http.StatusNotFound
				}
				return c.status(n.Add(1))
			})}}
			s, err := loadtest.New(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Run(context.Background())
			switch {
			case (err == nil) != (c.says == ""):
				t.Errorf("%s: %v", name, err)
			case err != nil && (!strings.Contains(err.Error(), c.says) || time.Since(start) > 2*time.Second):
				t.Errorf("%s: after %v: %v", name, time.Since(start), err)
			}
		})
	}
}

// Many servers answer anything with something: that is no dispatcher without replicas.
func TestAStatusOfAnotherServerIsNone(t *testing.T) {
	o := againstBoth(t, "constant:5/200ms", func(http.ResponseWriter, *http.Request) {}, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
	if r := run(t, t.Context(), o); len(r.Replicas) != 0 || r.PerReplica != nil {
		t.Errorf("replicas %v", r.Replicas)
	}
}

func TestCapacityQueueAndCPUAreSeen(t *testing.T) {
	o := againstBoth(t, "constant:5/200ms", func(http.ResponseWriter, *http.Request) {}, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"replicas":[{"state":"ready","capacity_rps":10},{"state":"ready","capacity_rps":12.5},{"state":"draining","capacity_rps":9}],"queue":{"length":4}}`)
	})
	o.CPU = func(context.Context) (float64, error) { return 1.25, nil }
	if r := run(t, t.Context(), o); len(r.Replicas) == 0 || r.Replicas[0] != (summary.Replicas{Ready: 2, Desired: -1, Queue: 4, Capacity: 22.5, CPU: 1.25}) {
		t.Errorf("%+v", r.Replicas)
	}
	var asked atomic.Int64
	o.CPU = func(context.Context) (float64, error) {
		if asked.Add(1) == 1 {
			return 0, fmt.Errorf("%w: it has just begun", scaling.ErrNoData)
		}
		return 2, nil
	}
	if r := run(t, t.Context(), o); len(r.Replicas) == 0 || r.Replicas[0].CPU != 2 {
		t.Errorf("of a Prometheus that has just begun %+v", r.Replicas)
	}
	o.CPU = func(context.Context) (float64, error) { return 0, io.ErrUnexpectedEOF }
	if r := run(t, t.Context(), o); len(r.Replicas) == 0 || r.Replicas[0].CPU != 0 || r.Replicas[0].Ready != 2 {
		t.Errorf("without Prometheus %+v", r.Replicas)
	}
}
