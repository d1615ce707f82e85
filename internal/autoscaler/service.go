package autoscaler

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
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
	memory  *memory
	staffs  bool        // by the load of all replicas together, instead of signals of each
	blind   atomic.Bool // whether only what is answered is seen

	// Of the goroutine that ticks.
	warned       map[scaling.Warning]string
	starts       scaling.Starts
	lastCapacity float64
	lastSlots    int
	lately       rarely
	asked        time.Time // when that was

	mu   sync.Mutex
	past []scaling.Decision // oldest first, as far back as the policy remembers
	told []scaling.Decision // the last that were made here, oldest first
	held scaling.Hold       // of the last tick, so that a hold is told once
}

// shown is how many decisions /decisions tells.
const shown = 200

// New checks the options and binds the listener.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	_, staffs := o.Policy.(scaling.SLO)
	s := &Service{o: o, series: o.series(), metrics: newMetrics(o.Registry, o.MaxReplicas), memory: newMemory(), staffs: staffs, warned: map[scaling.Warning]string{}}
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
	s.forget()
	var recalling sync.WaitGroup
	defer recalling.Wait()
	if s.staffs {
		recalling.Go(func() { s.recallLoop(ctx) })
	}
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

// Alone is a single decision of an autoscaler that has seen nothing before: it first looks up what a running one knows.
func (s *Service) Alone(ctx context.Context) (scaling.Decision, error) {
	if s.staffs {
		s.lookBack(ctx)
	}
	return s.Once(ctx)
}

// lookBack has what is known of the load looked up now. What that lacks, the tick that follows tells.
func (s *Service) lookBack(ctx context.Context) {
	looking, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	if _, err := s.observe(looking, time.Now()); err != nil {
		return
	}
	if err := s.recall(ctx); err != nil {
		s.o.Log.Warn("the load of the past is not known; the forecast does without it", "error", err)
	}
}

// tickTimeout is how long a tick may take at least.
const tickTimeout = 10 * time.Second

// Once is one tick: observe, decide, apply. The error says that the cluster could not be read or would not be scaled; the decision, if
// there was one, stands beside it.
func (s *Service) Once(ctx context.Context) (scaling.Decision, error) {
	begin := time.Now()
	defer func() { s.metrics.tick.Observe(time.Since(begin).Seconds()) }()
	ctx, cancel := context.WithTimeout(ctx, max(s.o.Interval, tickTimeout))
	defer cancel()
	first := s.begins()
	var past []scaling.Decision
	var belief scaling.Belief
	if first {
		past, belief = s.before(ctx, begin)
	}
	seen, err := s.observe(ctx, begin)
	if err != nil {
		s.metrics.errors.WithLabelValues(sourceKubernetes).Inc()
		return scaling.Decision{}, err
	}
	s.metrics.saw(seen.Observation)
	if first {
		s.remember(begun(past, belief, seen.Replicas, begin)...)
	}
	d := s.decide(seen, begin)
	err = s.apply(ctx, &d)
	s.remember(d)
	d = d.Explained(seen.Observation, s.o.Price)
	s.keep(d)
	s.tell(ctx, d)
	return d, err
}

// decide asks the policy, unless another autoscaler works on the same Deployment.
func (s *Service) decide(seen sight, now time.Time) scaling.Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	stays := scaling.Decision{
		At: now, From: seen.Replicas, To: seen.Replicas, Recommended: seen.Replicas, Belief: s.past[len(s.past)-1].Belief,
	}
	if seen.otherErr != nil {
		s.metrics.errors.WithLabelValues(sourceKubernetes).Inc()
		stays.Hold, stays.Reason = scaling.HoldFailed, "whether another autoscaler works here: "+seen.otherErr.Error()
		return stays
	}
	if seen.other != "" {
		stays.Hold, stays.Reason = scaling.HoldOtherOwner, seen.other+" scales the same Deployment; remove it, or stop this autoscaler"
		return stays
	}
	return s.o.Policy.Decide(s.past, seen.Observation, now)
}

// begins tells whether nothing was decided yet.
func (s *Service) begins() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.past) == 0
}

// forget makes the next tick the first: while another led, anything may have been decided.
func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = nil
}

// remember keeps decisions for as long as the policy may look back on them.
func (s *Service) remember(decided ...scaling.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = append(s.past, decided...)
	for newest := s.past[len(s.past)-1].At; s.past[0].At.Before(newest.Add(-s.o.Policy.Memory())); {
		s.past = s.past[1:]
	}
}

// keep keeps a decision for those who ask.
func (s *Service) keep(d scaling.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, d)
	s.told = s.told[max(0, len(s.told)-shown):]
}

// Account is what /decisions tells.
type Account struct {
	Policy      string             `json:"policy"`
	DryRun      bool               `json:"dry_run"`
	MaxReplicas int                `json:"max_replicas"`
	Price       float64            `json:"price,omitempty"`    // of a replica for an hour
	MaxCost     float64            `json:"max_cost,omitempty"` // of all replicas for an hour
	Decisions   []scaling.Decision `json:"decisions"`          // newest first
}

// Account is the last decisions, and what they were made by.
func (s *Service) Account() Account {
	s.mu.Lock()
	list := slices.Clone(s.told)
	s.mu.Unlock()
	slices.Reverse(list)
	return Account{
		Policy: s.o.Policy.String(), DryRun: s.o.DryRun, MaxReplicas: s.o.MaxReplicas, Price: s.o.Price, MaxCost: s.o.MaxCost, Decisions: list,
	}
}

func (s *Service) decisions(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// The status is out with the first byte; a reader that goes away has nothing left to be told.
	_ = json.NewEncoder(w).Encode(s.Account())
}
