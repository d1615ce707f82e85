package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/bench/machine"
)

// 100/s for a minute, six stalls: of each the 91 requests due in its first 900 ms wait more than 100 ms, and the 540th slowest of 600 is
// the p99.
func TestTheArithmeticOfStalls(t *testing.T) {
	requests, slow, p99 := arithmetic(time.Minute)
	if requests != 6000 || slow != 546 || math.Abs(p99-901) > 1e-9 {
		t.Errorf("%d requests, %d slow, p99 %v", requests, slow, p99)
	}
}

// serving runs the server in this process.
func serving(t *testing.T, s serve) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, w) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	address, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + strings.TrimSpace(address)
}

func TestTheServerAnswersAndNotes(t *testing.T) {
	base := serving(t, serve{Answer: time.Millisecond, Every: time.Hour, Stall: 50 * time.Millisecond})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	begin := time.Now()
	for range 3 {
		resp, err := client.Post(base+"/predict", "image/jpeg", strings.NewReader(strings.Repeat("x", 300_000)))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); string(body) != "{}" || err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %q %v", resp.Status, body, err)
		}
		resp.Body.Close()
	}
	if took := time.Since(begin); took < 3*time.Millisecond {
		t.Errorf("three answers of a millisecond came in %v", took)
	}
	s := &server{url: base + "/predict"}
	for want := 3; want >= 0; want -= 3 {
		if at, err := s.arrivals(t.Context()); err != nil || len(at) != want {
			t.Errorf("%v arrivals, %v, want %d", at, err, want)
		}
	}
	if resp, err := client.Get(base + "/status"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("%v %v", resp, err)
	}
}

func TestLateness(t *testing.T) {
	var at []time.Duration
	for i := range 1000 {
		due := i
		if i >= 500 && i < 520 {
			due = 520 // the tester was away for 20 ms, and then sent what was due
		}
		at = append(at, 5*time.Second+time.Duration(due)*time.Millisecond)
	}
	got := lateBy(at, 1000)
	if got.requests != 1000 || got.p50 > 1e-6 || math.Abs(got.p99-11) > 1.1 || math.Abs(got.max-20) > 1e-6 {
		t.Errorf("%+v", got)
	}
	if lateBy(nil, 1000) != (lateness{}) {
		t.Error("nothing is late")
	}
}

func TestThePage(t *testing.T) {
	b := &bench{workplace: &workplace{pinned: true, cores: machine.Cores{Server: 0, Load: 1}}, flags: &compare{Stall: time.Minute}}
	page := b.page([]row{
		{tester: tester{name: "loadtest", version: "this one", open: true}, stalled: told{requests: 6000, slow: 546, p99: 901, lag: 0.25}, cost: told{done: done{cpu: time.Second, memory: 40e6}, requests: 10000}, highest: 5000, exact: lateness{10000, 0.05, 0.5, 3}},
		{tester: tester{name: "vegeta", version: "v12"}, stalled: told{requests: 6000, slow: 573, p99: 892, lag: math.NaN()}, errCost: errors.New("killed | dead")},
		{tester: tester{name: "k6", version: "v1", missing: errors.New("install: no network")}},
		{tester: tester{name: "wrk", version: "4"}, cost: told{requests: 1}},
	}, "vegeta reads it.", "0.5", "1.5")
	for _, want := range []string{
		"of 6000 requests 546 take longer than 100ms, and the p99 is 901 ms",
		"| loadtest this one | 6000 | 546 | 901 ms | slow +0.0 %, p99 +0.0 % | 0.25 ms |",
		"| vegeta v12 | 6000 | 573 | 892 ms | slow +4.9 %, p99 -1.0 % | not told |",
		"| loadtest this one | 100 µs | 10000/s | 5000/s | 40 MB |",
		"| vegeta v12 | killed / dead |  |  |  |",
		"| k6 v1 | install: no network |  |  |  |  |",
		"| loadtest this one | 10000 | 0.05 ms | 0.50 ms | 3.00 ms |",
		"vegeta reads it.", "core 1, one at a time, and the server core 0", "load average was 0.5 at the beginning and 1.5",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}
