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
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/lifecycle"
)

// Service is one dispatcher.
type Service struct {
	o         Options
	queue     *queue
	metrics   *metrics
	rates     rates
	limits    *limits
	access    *accessLog
	catalogue *catalogue
	disputes  *disputes
	recent    *recent
	feed      *feed
	proxy     *httputil.ReverseProxy
	questions *httputil.ReverseProxy
	server    *httpserve.Server
	admin     *httpserve.Server     // nil: its routes are the server's
	known     atomic.Bool           // discovery has answered, if only with no replicas
	due       chan balance.Endpoint // replicas that are to be asked whether they are well again
}

// New checks the options, registers the metrics and binds the listener; nothing runs yet.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Service{
		o: o, disputes: newDisputes(o), recent: newRecent(), limits: newLimits(), catalogue: newCatalogue(), access: newAccessLog(o.Log, o.LogSample), due: make(chan balance.Endpoint, mostDue),
	}
	s.queue = newQueue(o, s.askLater)
	s.feed = newFeed(s.snapshot, s.rates.status)
	s.metrics = newMetrics(o.Registry, s.queue, s.disputes)
	s.proxy = s.newProxy()
	s.questions = s.newQuestions()
	if err := s.bind(); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr is the bound address.
func (s *Service) Addr() net.Addr { return s.server.Addr() }

// Run finds replicas and serves until ctx ends, then drains.
func (s *Service) Run(ctx context.Context) error {
	defer s.queue.wake.Stop()
	return lifecycle.Run(ctx, append(s.operatorParts(),
		lifecycle.Part{Name: "decisions", Run: s.followDecisions},
		lifecycle.Part{Name: "discovery", Run: s.discover},
		lifecycle.Part{Name: "http", Run: s.server.Run},
		lifecycle.Part{Name: "events", Run: s.feed.run}, // it ends first: the streams would hold up the drain
	)...)
}

// mostDue bounds how many replicas wait to be asked.
const mostDue = 1024

// askLater never blocks: the queue calls it under its lock. It is false where too many wait to be asked already.
func (s *Service) askLater(e balance.Endpoint) bool {
	select {
	case s.due <- e:
		return true
	default:
		return false
	}
}

// ready does not need replicas: held requests are what wakes the first one.
func (s *Service) ready() error {
	if !s.known.Load() {
		return errors.New("the replicas are not known yet")
	}
	return nil
}

// learn takes in what a replica says of itself on an answer to own requests, one or none, that it does not count any more;
// false: it says nothing.
func (s *Service) learn(name string, h http.Header, own int) bool {
	c, ok := api.CapabilityFrom(h)
	if ok {
		said := balance.Said{Slots: c.Slots, Capacity: c.CapacityRPS, Load: c.Load}
		if c.Load >= 0 {
			said.Load += own
		}
		s.queue.change(func(p *balance.Pool) { p.Learn(name, said, time.Now()) })
	}
	return ok
}

// status answers GET /status.
func (s *Service) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// The status is out; a caller that is gone cannot be told anything.
	_ = json.NewEncoder(w).Encode(s.snapshot(time.Now()))
}

func (s *Service) snapshot(now time.Time) api.DispatcherStatus {
	q, disputed := s.queue.status(), s.disputes.serving()
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
			CapacityRPS: r.Capacity, LatencyMS: float64(r.Latency) / float64(time.Millisecond), Disputed: disputed[r.Name],
		}
	}
	return status
}
