package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fleet plays the replicas: how they are found, and how they answer.
type fleet struct {
	found chan []balance.Endpoint

	mu     sync.Mutex
	slots  map[string]int // by host; one without is not ready
	answer func(*http.Request, []byte) (int, any)
	bodies [][]byte // what was sent to them
}

func newFleet() *fleet {
	f := &fleet{found: make(chan []balance.Endpoint), slots: map[string]int{}}
	f.answers(func(*http.Request, []byte) (int, any) { return http.StatusOK, church })
	return f
}

// church is what a model server answers.
var church = api.PredictResponse{
	Model: "resnet18", ModelVersion: "1",
	Predictions: []api.Prediction{
		{ClassID: 4, Synset: "n03028079", Label: "church", Probability: 0.9159},
		{ClassID: 7, Label: "gas pump", Probability: 0.0209},
		{ClassID: 1, Label: "English springer", Probability: 0.0151},
		{ClassID: 2, Label: "cassette player", Probability: 0.0122},
		{ClassID: 6, Label: "garbage truck", Probability: 0.0101},
	},
	Timing: api.TimingMS{Queue: 0.004, Decode: 0.375, Preprocess: 0.133, Inference: 10.669},
}

// Watch tells the replicas that have, and those that get, found.
func (f *fleet) Watch(ctx context.Context, changed func([]balance.Endpoint)) error {
	for {
		select {
		case endpoints := <-f.found:
			changed(endpoints)
		case <-ctx.Done():
			return nil
		}
	}
}

// RoundTrip plays the replica that is asked.
func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	f.mu.Lock()
	slots, answer := f.slots[r.URL.Host], f.answer
	if r.URL.Path == api.PathPredict {
		f.bodies = append(f.bodies, body)
	}
	f.mu.Unlock()
	code, value := http.StatusServiceUnavailable, any(nil)
	switch {
	case r.URL.Path == api.PathPredict:
		code, value = answer(r, body)
	case slots > 0:
		code = http.StatusOK
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	return response(r, slots, code, value)
}

func response(r *http.Request, slots, code int, value any) (*http.Response, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	resp := &http.Response{
		Request: r, StatusCode: code, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)),
	}
	if p, ok := value.(*api.Problem); ok {
		resp.Header.Set("Content-Type", api.ProblemContentType)
		if p.RetryAfter > 0 {
			resp.Header.Set("Retry-After", fmt.Sprint(p.RetryAfter.Seconds()))
		}
	}
	if slots > 0 {
		api.Capability{Slots: slots, CapacityRPS: 88.8}.Set(resp.Header)
	}
	return resp, nil
}

// answers sets how the replicas answer from now on.
func (f *fleet) answers(how func(*http.Request, []byte) (int, any)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = how
}

// hold makes the replicas take requests and answer them only after the returned function was called.
func (f *fleet) hold() (release func()) {
	gate := make(chan struct{})
	f.answers(func(r *http.Request, _ []byte) (int, any) {
		select {
		case <-gate:
		case <-r.Context().Done():
		}
		return http.StatusOK, church
	})
	return sync.OnceFunc(func() { close(gate) })
}

func (f *fleet) sent() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.bodies)
}

// one is a replica with so many slots: 0 for one that does not get ready.
func (f *fleet) one(name string, slots int) balance.Endpoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots[name] = slots
	return balance.Endpoint{Name: name, URL: "http://" + name, Serving: true}
}

// decisions are those that a test makes.
type decisions chan func(decided func(time.Time, string), readable func(bool))

// Follow lets the test tell them.
func (d decisions) Follow(ctx context.Context, decided func(time.Time, string), readable func(bool)) {
	for {
		select {
		case act := <-d:
			act(decided, readable)
		case <-ctx.Done():
			return
		}
	}
}

// system is a dispatcher before the fleet.
type system struct {
	fleet     *fleet
	decisions decisions
	url       string
	stop      func()
}

// start runs a dispatcher at a free address, or at that of one that was stopped.
func start(t *testing.T, listen string, replicas ...func(*fleet) balance.Endpoint) *system {
	t.Helper()
	s := &system{fleet: newFleet(), decisions: make(decisions)}
	service, err := dispatcher.New(dispatcher.Options{
		Listen: listen, Discovery: s.fleet, Decisions: s.decisions, Transport: s.fleet, Queue: 100, QueueTimeout: time.Minute,
		Timeout: time.Minute, MaxHeldBytes: 64 << 20, MaxBody: 10 << 20, AttemptTimeout: time.Minute, DrainTimeout: time.Minute,
		Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	s.url = "http://" + service.Addr().String()
	s.stop = sync.OnceFunc(func() {
		end(lifecycle.ErrInterrupted)
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(s.stop)
	var found []balance.Endpoint
	for _, replica := range replicas {
		found = append(found, replica(s.fleet))
	}
	s.fleet.found <- found
	return s
}

// with is a replica with a name and slots.
func with(name string, slots int) func(*fleet) balance.Endpoint {
	return func(f *fleet) balance.Endpoint { return f.one(name, slots) }
}
