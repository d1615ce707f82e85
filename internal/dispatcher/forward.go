package dispatcher

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/httpserve"
)

// forward answers an inference request with a replica's answer.
func (s *Service) forward(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	s.metrics.arrivals.Inc()
	s.queue.noteRequest()
	watched := &statusWriter{ResponseWriter: w, code: http.StatusOK}
	defer func() {
		code := watched.code
		if r.Context().Err() != nil && !watched.written {
			code = codeGone
		}
		s.metrics.answered(code, time.Since(arrived))
		s.rates.ended(time.Now(), code)
		s.recent.answered(time.Now(), code, time.Since(arrived))
	}()
	s.rates.arrived(arrived)

	timeout, err := api.Timeout(r.Header, s.o.Timeout)
	if err != nil {
		httpserve.WriteError(watched, r, err, s.o.Log)
		return
	}
	client := clientOf(r)
	body, err := s.readBody(watched, r, client)
	if err != nil {
		httpserve.WriteError(watched, r, s.problem(err, timeout), s.o.Log)
		return
	}
	defer body.release()
	ctx, cancel := context.WithTimeout(r.Context(), timeout-time.Since(arrived))
	defer cancel()
	f := &flight{body: body, wanted: wantedBy(r), ticket: ticket{Client: client, Arrived: arrived, Patient: timeout}}
	s.proxy.ServeHTTP(watched, r.WithContext(context.WithValue(ctx, flightKey{}, f)))
}

// flight is a request on its way.
type flight struct {
	body   *held
	wanted wanted
	ticket ticket
	costly int // tries that went wrong and may have cost a replica work
	astray int // tries at replicas that have not the model
}

type flightKey struct{}

// left is how long it has until its deadline.
func (f *flight) left() time.Duration { return f.ticket.Patient - time.Since(f.ticket.Arrived) }

// statusWriter notes the status for the metrics.
type statusWriter struct {
	http.ResponseWriter
	code    int
	written bool
}

func (w *statusWriter) WriteHeader(code int) {
	if code >= http.StatusOK && !w.written {
		w.code, w.written = code, true
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.written = true
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// newProxy copies requests and answers, less what is meant for one hop only, as the standard library's proxy does; the transport decides
// where each goes.
func (s *Service) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport:  s,
		BufferPool: &copyBuffers,
		ErrorLog:   slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetXForwarded()
			p.Out.Header.Set(api.HeaderRequestID, httpserve.RequestID(p.In))
			p.Out.URL.Scheme = "http"
		},
		ModifyResponse: func(resp *http.Response) error {
			// What a replica says of itself is not the service's; the request's id is set already.
			for _, own := range []string{api.HeaderSlots, api.HeaderCapacity, api.HeaderLoad, api.HeaderModels, api.HeaderRequestID} {
				resp.Header.Del(own)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if !errors.Is(err, context.Canceled) { // the caller left: nobody reads an answer
				httpserve.WriteError(w, r, err, s.o.Log)
			}
		},
	}
}

// RoundTrip sends a request to a replica when one is free, and to another one when that fails in a way that may be tried again. It is the
// proxy's transport; its errors are *api.Problem.
func (s *Service) RoundTrip(r *http.Request) (*http.Response, error) {
	f := r.Context().Value(flightKey{}).(*flight)
	s.direct(f)
	for {
		waiting := time.Now()
		grant, err := s.queue.acquire(r.Context(), &f.ticket)
		s.metrics.queueWait.Observe(time.Since(waiting).Seconds())
		tripOf(r.Context()).queued += time.Since(waiting)
		if err != nil {
			return nil, s.problem(err, f.ticket.Patient)
		}
		a := s.attempt(r, f, grant)
		if a.outcome.retry == "" {
			return a.response, a.err
		}
		s.o.Log.Debug("attempt failed", "request", r.Header.Get(api.HeaderRequestID), "replica", grant.Name(), "outcome", a.outcome.name, "error", a.err)
		if !s.again(a.outcome, f, r.Context()) {
			return a.response, a.err
		}
		s.avoid(f, grant.Name())
		if a.response != nil {
			a.response.Body.Close()
		}
		s.metrics.retries.WithLabelValues(a.outcome.retry).Inc()
	}
}

// direct lets a request go to any replica, but one that names a model only to those that have it: unless none has, for then it is theirs
// to say so.
func (s *Service) direct(f *flight) {
	f.ticket.Avoid = nil
	if without := s.catalogue.without(f.wanted); without != nil && len(without) < s.queue.staying() {
		f.ticket.Avoid = without
	}
}

// avoid sends the next try elsewhere; a request that has been everywhere that it may go begins anew.
func (s *Service) avoid(f *flight, replica string) {
	if len(f.ticket.Avoid)+1 >= s.queue.staying() {
		s.direct(f)
		return
	}
	if f.ticket.Avoid == nil {
		f.ticket.Avoid = map[string]bool{}
	}
	f.ticket.Avoid[replica] = true
}

// attempt is one try at one replica.
type attempt struct {
	outcome  outcome
	response *http.Response // nil: none came
	err      error          // an *api.Problem, where response is nil
}

func (s *Service) attempt(r *http.Request, f *flight, grant *balance.Grant) attempt {
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(s.patience(grant, f.left()), func() { cancel(errSlow) })
	s.metrics.inFlight.Inc()
	tripOf(r.Context()).sent(grant.Name())
	resp, err := s.o.Transport.RoundTrip(outgoing(ctx, r, f, grant.URL()))
	timer.Stop() // once the answer has begun it may take its time
	finish := func(o outcome) {
		cancel(nil)
		s.metrics.inFlight.Dec()
		s.queue.done(func(now time.Time) { o.end(grant, now) })
	}
	if err != nil {
		o := ofError(err, ctx, r.Context())
		finish(o)
		return attempt{outcome: o, err: s.failure(o, r.Context(), f)}
	}
	s.learn(grant.Name(), resp.Header, 1)
	o := ofStatus(resp.StatusCode)
	if resp.StatusCode == http.StatusNotFound && f.wanted.name != "" {
		o = astray
	}
	if o.retry != "" {
		resp = keep(resp)
		finish(o)
	} else {
		resp.Body = &releasingBody{ReadCloser: resp.Body, caller: r.Context(), ends: o, finish: finish}
	}
	return attempt{outcome: o, response: resp}
}

// patience is how long this try may take.
func (s *Service) patience(g *balance.Grant, left time.Duration) time.Duration {
	if s.o.AttemptTimeout > 0 {
		return s.o.AttemptTimeout
	}
	return s.queue.patient(g, left)
}

func (s *Service) failure(o outcome, caller context.Context, f *flight) error {
	if err := caller.Err(); err != nil {
		return s.problem(err, f.ticket.Patient)
	}
	return api.NewProblem(http.StatusBadGateway, "replica-failed",
		"the replica that had this request failed (%s) and it could not be tried at another one: send it again", o.name)
}

// outgoing is the request as a replica gets it: the held body, and what is left of the deadline.
func outgoing(ctx context.Context, r *http.Request, f *flight, to string) *http.Request {
	out := r.WithContext(ctx)
	base, err := url.Parse(to)
	if err != nil {
		base = &url.URL{Scheme: "http", Host: to} // the transport will say that it cannot connect
	}
	target := *r.URL
	target.Scheme, target.Host = base.Scheme, base.Host
	out.URL, out.Host = &target, base.Host
	out.Header = maps.Clone(r.Header) // another try's may still be written
	out.Header[api.HeaderTimeout] = []string{api.FormatTimeout(f.left())}
	// Framed anew: it lies here whole, however it came.
	out.ContentLength, out.TransferEncoding, out.Trailer = int64(len(*f.body.memory)), nil, nil
	out.Body = f.body.reader()
	out.GetBody = func() (io.ReadCloser, error) { return f.body.reader(), nil }
	return out
}
