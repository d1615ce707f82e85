package autoscaler

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/lifecycle"
	"resnet-autoscaling/internal/scaling"

	"github.com/go-chi/chi/v5"
)

// Service is one autoscaler.
type Service struct {
	o       Options
	series  series
	metrics *metrics
	server  *httpserve.Server // nil where there is no Listen

	mu   sync.Mutex
	past []scaling.Decision // oldest first; at least as far back as the policy remembers
	held scaling.Hold       // of the last tick, so that a hold is told once
}

// shown is how many decisions /decisions keeps beyond what the policy needs.
const shown = 200

// New checks the options and binds the listener.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Service{o: o, series: o.series(), metrics: newMetrics(o.Registry, o.MaxReplicas)}
	if o.Listen == "" {
		return s, nil
	}
	server, err := httpserve.New(httpserve.Options{
		Listen: o.Listen, Gatherer: o.Registry, RequestTimeout: 10 * time.Second, DrainTimeout: 5 * time.Second, Log: o.Log,
		Routes: func(r chi.Router) { r.Get("/decisions", s.decisions) },
	})
	if err != nil {
		return nil, err
	}
	s.server = server
	return s, nil
}

// Addr is where it serves.
func (s *Service) Addr() net.Addr { return s.server.Addr() }

// Run serves and, while it leads, decides at every interval, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	return lifecycle.Run(ctx,
		lifecycle.Part{Name: "server", Run: s.server.Run},
		lifecycle.Part{Name: "pods", Run: func(ctx context.Context) error { return s.o.Deployment.Watch(ctx, s.o.Log) }},
		lifecycle.Part{Name: "loop", Run: func(ctx context.Context) error { return s.o.Elect(ctx, s.holder, s.Loop) }},
	)
}

func (s *Service) holder(name string) { s.o.Log.Info("leader", "holder", name) }

// Loop decides at once and at every interval, until ctx ends.
func (s *Service) Loop(ctx context.Context) error {
	s.metrics.leader.Set(1)
	defer s.metrics.leader.Set(0)
	tick := time.NewTicker(s.o.Interval)
	defer tick.Stop()
	for {
		if _, err := s.Once(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("tick", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Once is one tick: observe, decide, apply. The error says that the cluster could not be read or would not be scaled; the decision, if
// there was one, stands beside it.
func (s *Service) Once(ctx context.Context) (scaling.Decision, error) {
	begin := time.Now()
	defer func() { s.metrics.tick.Observe(time.Since(begin).Seconds()) }()
	ctx, cancel := context.WithTimeout(ctx, max(s.o.Interval, 10*time.Second))
	defer cancel()
	seen, err := s.observe(ctx)
	if err != nil {
		s.metrics.errors.WithLabelValues(sourceKubernetes).Inc()
		return scaling.Decision{}, err
	}
	s.metrics.saw(seen.Observation)
	d := s.decide(seen, begin)
	err = s.apply(ctx, &d)
	s.remember(d)
	s.tell(ctx, d)
	return d, err
}

// decide asks the policy, unless another autoscaler works on the same Deployment.
func (s *Service) decide(seen sight, now time.Time) scaling.Decision {
	stays := scaling.Decision{At: now, From: seen.Replicas, To: seen.Replicas, Recommended: seen.Replicas}
	if seen.otherErr != nil {
		s.metrics.errors.WithLabelValues(sourceKubernetes).Inc()
		stays.Hold, stays.Reason = scaling.HoldFailed, "whether another autoscaler works here: "+seen.otherErr.Error()
		return stays
	}
	if seen.other != "" {
		stays.Hold, stays.Reason = scaling.HoldOtherOwner, seen.other+" scales the same Deployment; remove it, or stop this autoscaler"
		return stays
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.past) == 0 {
		s.past = []scaling.Decision{scaling.Start(seen.Replicas, now)}
	}
	return s.o.Policy.Decide(s.past, seen.Observation, now)
}

// remember keeps a decision for as long as the policy may look back on it.
func (s *Service) remember(d scaling.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = append(s.past, d)
	for len(s.past) > shown && s.past[0].At.Before(d.At.Add(-s.o.Policy.Memory())) {
		s.past = s.past[1:]
	}
}

// decisions shows the last decisions, newest first.
func (s *Service) decisions(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	list := make([]scaling.Decision, 0, len(s.past))
	for i := len(s.past) - 1; i >= 0; i-- {
		list = append(list, s.past[i])
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	// The status is out with the first byte; a reader that goes away has nothing left to be told.
	_ = json.NewEncoder(w).Encode(map[string]any{"policy": s.o.Policy.String(), "dry_run": s.o.DryRun, "decisions": list})
}
