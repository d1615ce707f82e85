// Package httpserve runs one HTTP server the way every binary here does: it binds first, answers probes and metrics beside the
// service's own routes, guards against slow clients, and drains.
package httpserve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits on clients, the same for every server.
const (
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 30 * time.Second
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 64 << 10
)

// Options are the settings of a Server. Listen and Log are required.
type Options struct {
	// Listen is the TCP address to bind, such as ":8000"; port 0 takes a free one.
	Listen string
	// TLS makes the server speak https; nil: plain http.
	TLS *tls.Config
	// Routes adds the service's own routes; may be nil. Probes, /metrics, 404 and 405 are there already.
	Routes func(chi.Router)
	// Headers adds headers to every answer, probes and errors included; may be nil.
	Headers func(http.Header)
	// Ready says why the server should get no traffic yet; nil when it should. It must not depend on load.
	// A nil function is always ready.
	Ready func() error
	// Gatherer is what /metrics shows; nil: there is no /metrics.
	Gatherer prometheus.Gatherer
	// RequestTimeout is how long a request may take once its body is here; writing the answer has as long again as a body.
	RequestTimeout time.Duration
	// DrainDelay is how long a SIGTERM leaves the server serving, not ready, while endpoints spread.
	DrainDelay time.Duration
	// DrainTimeout is how long accepted requests have to finish.
	DrainTimeout time.Duration
	Log          *slog.Logger
}

// Server is one bound HTTP server. Its methods may be called from any goroutine.
type Server struct {
	o        Options
	listener net.Listener
	draining atomic.Bool
	closed   chan struct{}
	close    func() error
}

// New binds the listener and serves nothing yet.
func New(o Options) (*Server, error) {
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", o.Listen, err)
	}
	closed := make(chan struct{})
	once := sync.OnceValue(func() error { close(closed); return l.Close() })
	return &Server{o: o, listener: l, closed: closed, close: once}, nil
}

// Addr is the bound address.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Draining tells whether the server has been asked to stop; new work should go elsewhere.
func (s *Server) Draining() bool { return s.draining.Load() }

// Ready says why the server should get no traffic; nil when it should. It is what /readyz tells.
func (s *Server) Ready() error {
	switch {
	case s.Draining():
		return errors.New("draining")
	case s.o.Ready != nil:
		return s.o.Ready()
	}
	return nil
}

// Close gives the listener back where Run is never called, and cuts the delay of a drain short.
func (s *Server) Close() error { return s.close() }

// Run serves until ctx ends, then drains: not ready at once; on lifecycle.ErrTerminated it serves on for DrainDelay; then no
// new connections, and DrainTimeout for the requests in hand. Requests cut off by the time-out are an error.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout + bodyTimeout,
		WriteTimeout:      headerTimeout + 2*bodyTimeout + s.o.RequestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		TLSConfig:         s.o.TLS,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.serve(server) }()
	s.o.Log.Info("serving", "address", s.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	return s.drain(context.Cause(ctx), server)
}

func (s *Server) serve(server *http.Server) error {
	if s.o.TLS != nil {
		return server.ServeTLS(s.listener, "", "") // the certificate is in the configuration
	}
	return server.Serve(reserveListener{s.listener, idleTimeout})
}

func (s *Server) drain(cause error, server *http.Server) error {
	s.draining.Store(true)
	delay := time.Duration(0)
	if errors.Is(cause, lifecycle.ErrTerminated) {
		delay = s.o.DrainDelay
	}
	s.o.Log.Info("draining", "cause", cause, "delay", delay, "timeout", s.o.DrainTimeout)
	select {
	case <-time.After(delay):
	case <-s.closed:
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.o.DrainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("drain %s: requests unfinished after %v: %w", s.Addr(), s.o.DrainTimeout, err), server.Close())
	}
	s.o.Log.Info("drained")
	return nil
}

func (s *Server) handler() http.Handler {
	r := chi.NewRouter()
	r.Use(nameRequests, s.commonHeaders, middleware.CleanPath)
	r.NotFound(notFound)
	r.MethodNotAllowed(MethodNotAllowed(r))
	r.Get(api.PathHealthz, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	r.Get(api.PathReadyz, s.readyz)
	if s.o.Gatherer != nil {
		r.Method(http.MethodGet, api.PathMetrics, promhttp.HandlerFor(s.o.Gatherer, promhttp.HandlerOpts{}))
	}
	if s.o.Routes != nil {
		s.o.Routes(r)
	}
	return r
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(); err != nil {
		WriteError(w, r, api.NewProblem(http.StatusServiceUnavailable, "not-ready", "%v", err), s.o.Log)
		return
	}
	fmt.Fprintln(w, "ready")
}

// commonHeaders sets what every answer carries. While draining each connection ends with its answer: an idle one that is closed
// under a client's next request would cost that request a retry.
func (s *Server) commonHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set(api.HeaderRequestID, RequestID(r))
		if s.Draining() || ambiguous(r) {
			h.Set("Connection", "close")
		}
		if s.o.Headers != nil {
			s.o.Headers(h)
		}
		next.ServeHTTP(w, r)
	})
}

// ambiguous tells whether a server in front may have ended a request elsewhere than we do: then what is behind it on the connection may be
// a part of it, and is not to be answered. So must be one in chunks that has a length besides, and one of HTTP/1.0 in chunks (RFC 9112,
// 6.1); net/http tells neither from others of their kind.
func ambiguous(r *http.Request) bool { return len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) }
