package dispatcher

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/dispatcher/page"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/go-chi/chi/v5"
)

// Service is one dispatcher.
type Service struct {
	o         Options
	queue     *queue
	metrics   *metrics
	rates     rates
	latencies latencies
	recent    *recent
	feed      *feed
	proxy     *httputil.ReverseProxy
	server    *httpserve.Server
	known     atomic.Bool // discovery has answered, if only with no replicas
}

// New checks the options, registers the metrics and binds the listener; nothing runs yet.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Service{o: o, queue: newQueue(o), recent: newRecent()}
	s.feed = newFeed(s.snapshot, s.rates.status)
	s.metrics = newMetrics(o.Registry, s.queue)
	s.proxy = s.newProxy()
	server, err := httpserve.New(httpserve.Options{
		Listen: o.Listen,
		Routes: func(r chi.Router) {
			r.Post(api.PathPredict, s.forward)
			r.Get(api.PathStatus, s.status)
			r.Get(api.PathEvents, s.events)
			page.Routes(r)
		},
		Ready:          s.ready,
		Gatherer:       o.Registry,
		RequestTimeout: o.Timeout,
		DrainDelay:     o.DrainDelay,
		DrainTimeout:   o.DrainTimeout,
		Log:            o.Log,
	})
	if err != nil {
		return nil, err
	}
	s.server = server
	return s, nil
}

// Addr is the bound address.
func (s *Service) Addr() net.Addr { return s.server.Addr() }

// Run finds replicas and serves until ctx ends, then drains.
func (s *Service) Run(ctx context.Context) error {
	defer s.queue.wake.Stop()
	return lifecycle.Run(ctx,
		lifecycle.Part{Name: "decisions", Run: s.followDecisions},
		lifecycle.Part{Name: "discovery", Run: s.discover},
		lifecycle.Part{Name: "http", Run: s.server.Run},
		lifecycle.Part{Name: "events", Run: s.feed.run}, // it ends first: the streams would hold up the drain
	)
}

// ready does not need replicas: held requests are what wakes the first one.
func (s *Service) ready() error {
	if !s.known.Load() {
		return errors.New("the replicas are not known yet")
	}
	return nil
}

// attemptTimeout is the flag's, else four times the replicas' p99 and at least a second.
func (s *Service) attemptTimeout() time.Duration {
	if s.o.AttemptTimeout > 0 {
		return s.o.AttemptTimeout
	}
	tail := s.latencies.tail()
	if tail == 0 {
		return s.o.Timeout // nothing is known of the replicas yet: a guess would retry the first requests of slow ones
	}
	return max(time.Second, 4*tail)
}

// learn takes in what a replica says of itself on an answer.
func (s *Service) learn(name string, h http.Header) {
	if c, ok := api.CapabilityFrom(h); ok {
		s.queue.change(func(p *balance.Pool) { p.Learn(name, c.Slots, c.CapacityRPS) })
	}
}

// status answers GET /status.
func (s *Service) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// The status is out; a caller that is gone cannot be told anything.
	_ = json.NewEncoder(w).Encode(s.snapshot(time.Now()))
}

func (s *Service) snapshot(now time.Time) api.DispatcherStatus {
	q := s.queue.status()
	status := api.DispatcherStatus{
		Replicas:  make([]api.ReplicaStatus, len(q.replicas)),
		Queue:     api.QueueStatus{Length: q.length, Limit: s.o.Queue, HeldBytes: q.held, MaxBytes: s.o.MaxHeldBytes},
		Rates:     s.rates.status(now),
		Latency:   s.recent.status(now),
		Decisions: s.decisionsState(),
	}
	for i, r := range q.replicas {
		status.Replicas[i] = api.ReplicaStatus{
			Name: r.Name, URL: r.URL, State: api.ReplicaState(r.State), Slots: r.Slots, InFlight: r.InFlight,
			CapacityRPS: r.Capacity, LatencyMS: float64(r.Latency) / float64(time.Millisecond),
		}
	}
	return status
}
