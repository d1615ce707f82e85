// Command replica stands in for a model server where hundreds of thousands of requests are wanted of more replicas than the machine has
// cores: it sleeps for the service time that was measured of a real one, and otherwise speaks, queues, refuses and drains as that does.
//
// Its answer proves which request it is for: the label of its one prediction is the CRC-32 of the body, in hexadecimal.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
)

var about = command.About{
	Name: "replica",
	Description: `Answers POST /predict as a model server does, and sleeps instead of looking at the picture.

POST /control/slow?add=2s&for=30s makes each request take longer, for a while.`,
}

type flags struct {
	command.Common
	Listen       command.Address `default:"127.0.0.1:0" help:"Address to serve on."`
	Slots        int             `default:"1" help:"Requests in service at once."`
	Queue        int             `default:"4" help:"Requests that may wait, for each slot."`
	Service      time.Duration   `default:"12ms" help:"Mean service time."`
	CV           float64         `default:"0.05" help:"Its coefficient of variation (log-normal); 0: constant."`
	Seed         uint64          `default:"1" help:"Of the service times."`
	MaxBody      command.Bytes   `default:"10MiB" help:"Largest request body."`
	Timeout      time.Duration   `default:"10s" help:"Longest time for a request."`
	Older        bool            `help:"Say no more of itself than model servers of the release before said: neither how many requests it holds nor which models it has."`
	DrainDelay   time.Duration   `default:"5s" help:"As the model server's."`
	DrainTimeout time.Duration   `default:"30s" help:"As the model server's."`
}

// Validate checks what kong cannot.
func (f *flags) Validate() error {
	return errors.Join(
		command.Check(f.Slots >= 1, "--slots", f.Slots, "must be at least 1"),
		command.Check(f.Queue >= 0, "--queue", f.Queue, "must not be negative"),
		command.Check(f.Service >= 0, "--service", f.Service, "must not be negative"),
		command.Check(f.CV >= 0 && f.CV <= 10, "--cv", f.CV, "must be 0 to 10"),
	)
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// Run serves until ctx ends.
func (f *flags) Run(ctx context.Context, log *slog.Logger) error {
	r := newReplica(f)
	server, err := httpserve.New(httpserve.Options{
		Listen: string(f.Listen),
		Routes: func(routes chi.Router) {
			routes.Post(api.PathPredict, r.predict)
			routes.Post("/control/slow", r.slow)
		},
		Headers:        r.headers,
		Gatherer:       r.registry,
		RequestTimeout: f.Timeout,
		DrainDelay:     f.DrainDelay,
		DrainTimeout:   f.DrainTimeout,
		Log:            log,
	})
	if err != nil {
		return err
	}
	return lifecycle.Run(ctx, lifecycle.Part{Name: "http", Run: server.Run})
}

// replica is the server's state. Its methods may be called from any goroutine.
type replica struct {
	f        *flags
	slots    chan struct{}
	admitted atomic.Int64
	served   *prometheus.CounterVec
	registry *prometheus.Registry
	bodies   sync.Pool

	mu        sync.Mutex
	random    *rand.Rand
	added     time.Duration
	addedTill time.Time
}

func newReplica(f *flags) *replica {
	r := &replica{
		f: f, slots: make(chan struct{}, f.Slots), registry: prometheus.NewRegistry(), random: rand.New(rand.NewPCG(f.Seed, 0)),
		served: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "inference_requests_total", Help: "Requests by outcome."}, []string{"outcome"}),
		bodies: sync.Pool{New: func() any { return new([]byte) }},
	}
	r.registry.MustRegister(r.served)
	return r
}

func (r *replica) capability() api.Capability {
	capacity := 0.0
	if r.f.Service > 0 {
		capacity = float64(r.f.Slots) / r.f.Service.Seconds()
	}
	load := int(r.admitted.Load())
	if r.f.Older {
		load = -1
	}
	return api.Capability{Slots: r.f.Slots, CapacityRPS: capacity, Load: load}
}

func (r *replica) headers(h http.Header) {
	r.capability().Set(h)
	if !r.f.Older {
		h.Set(api.HeaderModels, api.Models{{Name: "replica", Version: "1"}}.String())
	}
}

func (r *replica) predict(w http.ResponseWriter, req *http.Request) {
	sum, took, err := r.serve(w, req)
	if err != nil {
		r.served.WithLabelValues("rejected").Inc()
		httpserve.WriteError(w, req, err, slog.Default())
		return
	}
	r.served.WithLabelValues("ok").Inc()
	w.Header().Set("Content-Type", "application/json")
	r.capability().Set(w.Header())
	w.Header().Set("Server-Timing", fmt.Sprintf("queue;dur=%.3f, inference;dur=%.3f", milliseconds(took.queue), milliseconds(took.inference)))
	// A caller that is gone cannot be told anything.
	_ = json.NewEncoder(w).Encode(api.PredictResponse{Model: "replica", Predictions: []api.Prediction{{Label: fmt.Sprintf("%08x", sum), Probability: 1}}})
}

// timing is how long a request waited for its slot and how long it had it.
type timing struct{ queue, inference time.Duration }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// serve waits for a slot and sleeps in it.
func (r *replica) serve(w http.ResponseWriter, req *http.Request) (sum uint32, took timing, err error) {
	defer r.admitted.Add(-1)
	if r.admitted.Add(1) > int64(r.f.Slots*(1+r.f.Queue)) {
		p := api.NewProblem(http.StatusServiceUnavailable, "queue-full", "the queue is full")
		p.RetryAfter = time.Second
		httpserve.ReadOn(w, req)
		return 0, took, p
	}
	buffer := r.bodies.Get().(*[]byte)
	defer r.bodies.Put(buffer)
	if *buffer, err = httpserve.ReadBodyInto(w, req, *buffer, int64(r.f.MaxBody)); err != nil {
		return 0, took, err
	}
	arrived := time.Now()
	select {
	case r.slots <- struct{}{}:
	case <-req.Context().Done():
		return 0, took, api.NewProblem(http.StatusGatewayTimeout, "deadline", "the caller left")
	}
	defer func() { <-r.slots }()
	began := time.Now()
	took.queue = began.Sub(arrived)
	err = r.sleep(req.Context())
	took.inference = time.Since(began)
	return crc32.ChecksumIEEE(*buffer), took, err
}

func (r *replica) sleep(ctx context.Context) error {
	d := r.serviceTime(time.Now())
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return api.NewProblem(http.StatusGatewayTimeout, "deadline", "the caller left")
	}
}

// serviceTime is log-normal: its mean is --service, its standard deviation --cv of it.
func (r *replica) serviceTime(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	variance := math.Log(1 + r.f.CV*r.f.CV)
	d := float64(r.f.Service) * math.Exp(math.Sqrt(variance)*r.random.NormFloat64()-variance/2)
	if now.Before(r.addedTill) {
		d += float64(r.added)
	}
	return time.Duration(d)
}

// slow makes requests that begin from now on take longer.
func (r *replica) slow(w http.ResponseWriter, req *http.Request) {
	add, err1 := time.ParseDuration(req.URL.Query().Get("add"))
	length, err2 := time.ParseDuration(req.URL.Query().Get("for"))
	if err := errors.Join(err1, err2); err != nil {
		api.NewProblem(http.StatusBadRequest, "bad-parameter", "add and for must be durations: %v", err).Write(w, httpserve.RequestID(req))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.added, r.addedTill = add, time.Now().Add(length)
}
