package dispatcher

import (
	"context"
	"errors"
	"net"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/dispatcher/page"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/go-chi/chi/v5"
)

// adminDrain is for a scrape that is on its way when all else has ended.
const adminDrain = time.Second

// bind takes the listeners: the service's, and the operator's where it is another.
func (s *Service) bind() error {
	o := httpserve.Options{
		Listen: s.o.Listen, Routes: s.routes, Ready: s.ready, RequestTimeout: s.o.Timeout,
		DrainDelay: s.o.DrainDelay, DrainTimeout: s.o.DrainTimeout, Log: s.o.Log,
	}
	if s.o.Certificate != nil {
		o.TLS = s.o.Certificate.TLS()
	}
	if s.o.AdminListen == "" {
		o.Gatherer = s.o.Registry
	}
	var err error
	if s.server, err = httpserve.New(o); err != nil || s.o.AdminListen == "" {
		return err
	}
	s.admin, err = httpserve.New(httpserve.Options{
		Listen: s.o.AdminListen, Ready: s.server.Ready, Gatherer: s.o.Registry, DrainTimeout: adminDrain, Log: s.o.Log.With("listener", "admin"),
	})
	if err != nil {
		return errors.Join(err, s.server.Close())
	}
	return nil
}

// routes are all that is served beside the probes and /metrics.
func (s *Service) routes(r chi.Router) {
	r.Get(api.PathOpenAPI, describe)
	page.Routes(r)
	r.Group(s.guarded)
}

// guarded are the routes that are logged, and that ask for a key where there are keys.
func (s *Service) guarded(r chi.Router) {
	r.Use(s.access.middleware, s.guard)
	r.Post(api.PathPredict, s.forward)
	r.Get(api.PathStatus, s.status)
	r.Get(api.PathEvents, s.events)
	r.Route(api.PathV2, s.v2)
}

// AdminAddr is the operator's bound address; nil where it is not another one.
func (s *Service) AdminAddr() net.Addr {
	if s.admin == nil {
		return nil
	}
	return s.admin.Addr()
}

// operatorParts run beside the service. They stop after it, so that its drain can be watched to the end.
func (s *Service) operatorParts() (parts []lifecycle.Part) {
	if s.admin != nil {
		parts = append(parts, lifecycle.Part{Name: "admin", Run: s.admin.Run})
	}
	if s.o.Certificate != nil {
		parts = append(parts, lifecycle.Part{Name: "certificate", Run: func(ctx context.Context) error { return s.o.Certificate.Run(ctx, s.o.Log) }})
	}
	if s.o.Keys != nil {
		parts = append(parts, lifecycle.Part{Name: "keys", Run: func(ctx context.Context) error { return s.o.Keys.Run(ctx, s.o.Log) }})
	}
	return parts
}
