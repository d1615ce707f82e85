package main

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/summary"
)

// mostInFlight is beyond what any case has open at once.
const mostInFlight = 8192

// traffic is requests that leave when they are due, whatever becomes of those before.
type traffic struct {
	urls    []string // each request goes to the next one
	profile string
	seed    uint64
	even    bool          // evenly spaced, and not as independent users would come
	timeout time.Duration // how long a caller waits
	tell    bool          // the caller says so, in X-Request-Timeout-Ms
	picture []byte
	begun   func()       // is called when requests begin to leave; nil: nobody is
	answer  func(answer) // is told every answer, from any goroutine; nil: nobody is
}

// answer is one that came, to a request that left at an instant and took a while.
type answer struct {
	status int
	header http.Header
	left   time.Time
	took   time.Duration
}

// run sends it all and returns what came of it, in the order in which it came.
func (t traffic) run(ctx context.Context) (outcomes, error) {
	profile, err := pace.Parse(t.profile)
	if err != nil {
		return nil, err
	}
	return t.follow(ctx, profile)
}

func (t traffic) follow(ctx context.Context, profile pace.Profile) (all outcomes, err error) {
	first, err := url.Parse(t.urls[0])
	if err != nil {
		return nil, err
	}
	spacing := pace.Poisson(t.seed)
	if t.even {
		spacing = pace.Even()
	}
	client := loadtest.NewClient(mostInFlight)
	defer client.CloseIdleConnections()
	client.Transport = &caller{traffic: t, next: client.Transport}
	test, err := loadtest.New(loadtest.Options{
		Where: loadtest.Where{Said: first, Client: client}, Profile: profile, Spacing: spacing, Timeout: t.timeout, MaxInFlight: mostInFlight,
		Pictures: []loadtest.Picture{{Name: "picture", ContentType: "image/jpeg", Data: t.picture}},
		Each:     func(o summary.Outcome) { all = append(all, o) },
		Screen:   nobody{}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	if _, err := test.Run(ctx); err != nil {
		return nil, err
	}
	return all, ctx.Err()
}

// nobody watches.
type nobody struct{}

func (nobody) Update(summary.Frame) {}
func (nobody) Note(string)          {}

// caller sends requests as the traffic has it.
type caller struct {
	traffic
	next  http.RoundTripper
	count atomic.Uint64
}

// RoundTrip sends a request to the next URL. Only pictures leave: the tester's looks at /status would disturb, and peers have none.
func (c *caller) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return &http.Response{StatusCode: http.StatusNotFound, Status: "404 nobody is asked", Body: http.NoBody, Request: r}, nil
	}
	to, err := url.Parse(c.urls[c.count.Add(1)%uint64(len(c.urls))])
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL, r.Host = to, to.Host
	if c.tell {
		r.Header.Set(api.HeaderTimeout, api.FormatTimeout(c.timeout))
	}
	left := time.Now()
	resp, err := c.next.RoundTrip(r)
	if err == nil && c.traffic.answer != nil {
		c.traffic.answer(answer{status: resp.StatusCode, header: resp.Header, left: left, took: time.Since(left)})
	}
	return resp, err
}

// outcomes are what came of requests.
type outcomes []summary.Outcome

// quantile is the latency that a share of all requests kept, in milliseconds. One that failed took for ever: a refusal is no speed.
func (o outcomes) quantile(share float64) float64 {
	latencies := make([]float64, len(o))
	for i, one := range o {
		latencies[i] = math.Inf(1)
		if one.Kind == summary.OK {
			latencies[i] = float64(one.Latency) / float64(time.Millisecond)
		}
	}
	return quantile(latencies, share)
}

// success is the share of the requests that were answered well.
func (o outcomes) success() float64 {
	if len(o) == 0 {
		return math.NaN()
	}
	return 1 - float64(len(o)-o.count(summary.OK))/float64(len(o))
}

func (o outcomes) count(kind summary.Kind) (n int) {
	for _, one := range o {
		if one.Kind == kind {
			n++
		}
	}
	return n
}

// due are the requests that were due between two instants of the test.
func (o outcomes) due(from, to time.Duration) (some outcomes) {
	for _, one := range o {
		if one.Due >= from && one.Due < to {
			some = append(some, one)
		}
	}
	return some
}

// lag is by how much the tester itself was late, at a share of the requests, in milliseconds.
func (o outcomes) lag(share float64) float64 {
	lags := make([]float64, len(o))
	for i, one := range o {
		lags[i] = float64(one.Lag) / float64(time.Millisecond)
	}
	return quantile(lags, share)
}

// quantile sorts; it is NaN of nothing.
func quantile(all []float64, share float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(share*float64(len(all))))]
}
