package dispatcher_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/prometheus/client_golang/prometheus"
)

// replica is a stub model server with one slot that is ready.
func replica(t testing.TB, predict http.HandlerFunc) balance.Endpoint {
	t.Helper()
	return stub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.PathPredict {
			predict(w, r)
		}
	})
}

// stub has one slot, is ready, and answers everything else.
func stub(t testing.TB, answer http.HandlerFunc) balance.Endpoint {
	t.Helper()
	return playedReplica(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != api.PathReadyz {
			answer(w, r)
		}
	})
}

// playedReplica has one slot, and may not be ready.
func playedReplica(t testing.TB, serve http.HandlerFunc) balance.Endpoint {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.Capability{Slots: 1, CapacityRPS: 10, Load: -1}.Set(w.Header())
		serve(w, r)
	}))
	t.Cleanup(server.Close)
	return balance.Endpoint{Name: server.URL, URL: server.URL, Serving: true}
}

// dispatch runs a dispatcher before replicas until the test ends, and waits until it is connected to all of them.
func dispatch(t testing.TB, change func(*dispatcher.Options), replicas ...balance.Endpoint) string {
	t.Helper()
	url := "http://" + run(t, change, replicas...).Addr().String()
	for status(t, url).ReadyReplicas() != len(replicas) {
		if t.Context().Err() != nil {
			t.Fatal("never connected")
		}
	}
	return url
}

// run runs a dispatcher before replicas until the test ends.
func run(t testing.TB, change func(*dispatcher.Options), replicas ...balance.Endpoint) *dispatcher.Service {
	t.Helper()
	service, _ := runUntil(t, change, replicas...)
	return service
}

// runUntil is run, until it is stopped before the test ends.
func runUntil(t testing.TB, change func(*dispatcher.Options), replicas ...balance.Endpoint) (service *dispatcher.Service, stop func()) {
	t.Helper()
	service, err := newService(t, change, replicas...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel(lifecycle.ErrInterrupted)
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return service, stop
}

func newService(t testing.TB, change func(*dispatcher.Options), replicas ...balance.Endpoint) (*dispatcher.Service, error) {
	t.Helper()
	transport := dispatcher.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	o := dispatcher.Options{
		Listen: "127.0.0.1:0", Discovery: dispatcher.Fixed{Replicas: replicas, Transport: transport}, Transport: transport, Queue: 100, QueueTimeout: time.Minute,
		Timeout: time.Minute, MaxHeldBytes: 1 << 20, MaxBody: 1 << 10, DrainTimeout: time.Minute,
		Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	}
	change(&o)
	return dispatcher.New(o)
}

func status(t testing.TB, url string) (s api.DispatcherStatus) {
	t.Helper()
	resp, err := http.Get(url + api.PathStatus)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	resp, err := http.Post(url+api.PathPredict, "image/jpeg", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// echo reads the whole body first: a server of HTTP/1 drops what it has not read once it answers.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Write(body)
}

func unchanged(*dispatcher.Options) {}

func TestWhatMayBeTriedAgainIs(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"connection lost before the answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"overloaded":                        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			flaky := func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) == 1 {
					fail(w, r)
					return
				}
				echo(w, r)
			}
			url := dispatch(t, unchanged, replica(t, flaky), replica(t, flaky))
			if code, body := post(t, url, "picture"); code != http.StatusOK || body != "picture" || n.Load() != 2 {
				t.Errorf("%d %q after %d tries, want the whole body sent again to the other replica", code, body, n.Load())
			}
		})
	}
}

func TestAHalfAnsweredRequestIsNotTriedAgain(t *testing.T) {
	var n atomic.Int64
	half := func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	url := dispatch(t, unchanged, replica(t, half), replica(t, half))
	resp, err := http.Post(url+api.PathPredict, "image/jpeg", strings.NewReader("picture"))
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil || n.Load() != 1 {
		t.Errorf("%v after %d tries, want the caller to see that it was cut off, after 1", err, n.Load())
	}
}

func TestNoReplicaGetsMoreThanItsSlots(t *testing.T) {
	var inFlight, most atomic.Int64
	gate := make(chan struct{})
	slow := func(http.ResponseWriter, *http.Request) {
		n := inFlight.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-gate
		inFlight.Add(-1)
	}
	url := dispatch(t, func(o *dispatcher.Options) { o.Queue = 5 }, replica(t, slow), replica(t, slow))
	answers := make(chan int, 7)
	for range 7 {
		go func() { code, _ := post(t, url, "x"); answers <- code }()
	}
	for status(t, url).Queue.Length != 5 || inFlight.Load() != 2 {
	}
	if code, body := post(t, url, "x"); code != http.StatusServiceUnavailable || !strings.Contains(body, "queue-full") {
		t.Errorf("%d %s, want a 503: the queue is full", code, body)
	}
	close(gate)
	for range 7 {
		if code := <-answers; code != http.StatusOK {
			t.Errorf("an accepted request got %d", code)
		}
	}
	if most.Load() != 2 {
		t.Errorf("%d requests at once at two replicas of one slot", most.Load())
	}
}

func TestLimits(t *testing.T) {
	url := dispatch(t, unchanged, replica(t, echo))
	if code, body := post(t, url, strings.Repeat("x", 1<<10+1)); code != http.StatusRequestEntityTooLarge || !strings.Contains(body, "1024 bytes") {
		t.Errorf("%d %s, want a 413", code, body)
	}
	if code, _ := post(t, url, strings.Repeat("x", 1<<10)); code != http.StatusOK {
		t.Errorf("a body of the very limit: %d", code)
	}
	if held := status(t, url).Queue.HeldBytes; held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}
