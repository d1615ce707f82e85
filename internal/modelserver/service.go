package modelserver

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/go-chi/chi/v5"
)

// Service is one model server.
type Service struct {
	o       Options
	models  []*model // the first is that of POST /predict
	metrics *metrics
	gate    *gate
	cache   *cache
	server  *httpserve.Server

	uploads      sync.Pool     // of *upload
	images       atomic.Int64  // pictures that were answered
	capacityBits atomic.Uint64 // float64 bits: pictures per second; 0: not measured yet
}

// New checks the options, registers the metrics and binds the listener; nothing runs yet.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	models, err := takeModels(o)
	if err != nil {
		return nil, err
	}
	s := &Service{o: o, models: models, metrics: newMetrics(o.Registry, o)}
	s.uploads.New = func() any { return &upload{} }
	s.gate = newGate(o, s.metrics)
	if s.cache, err = newCache(o.CacheBytes, mostClasses(o.Models), s.metrics.lookups); err != nil {
		return nil, err
	}
	served := []string{s.served()}
	server, err := httpserve.New(httpserve.Options{
		Listen:         o.Listen,
		Routes:         s.routes,
		Headers:        func(h http.Header) { s.capability().Set(h); h[api.HeaderModels] = served },
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

// routes are all that is served beside the probes and /metrics.
func (s *Service) routes(r chi.Router) {
	r.Post(api.PathPredict, s.predict)
	r.Get(api.PathOpenAPI, describe)
	s.mountV2(r)
}

// Addr is the bound address.
func (s *Service) Addr() net.Addr { return s.server.Addr() }

// Run serves and calibrates until ctx ends, then drains.
func (s *Service) Run(ctx context.Context) error {
	return lifecycle.Run(ctx,
		lifecycle.Part{Name: "calibration", Run: s.measureCapacity},
		lifecycle.Part{Name: "http", Run: s.server.Run},
	)
}

func (s *Service) ready() error {
	if s.capacity() == 0 {
		return errors.New("measuring what this server can do; it takes a few pictures")
	}
	return nil
}

func (s *Service) capability() api.Capability {
	return api.Capability{Slots: s.o.Slots, CapacityRPS: s.capacity(), Load: int(s.gate.admitted.Load())}
}

func (s *Service) capacity() float64 { return math.Float64frombits(s.capacityBits.Load()) }

func (s *Service) setCapacity(rps float64) {
	s.capacityBits.Store(math.Float64bits(rps))
	s.metrics.capacity.Set(rps)
}
