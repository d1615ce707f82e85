package dispatcher

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
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
	body, release, err := s.readBody(watched, r)
	if err != nil {
		httpserve.WriteError(watched, r, s.problem(err, timeout), s.o.Log)
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	s.proxy.ServeHTTP(watched, r.WithContext(context.WithValue(ctx, bodyKey{}, body)))
}

type bodyKey struct{}

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

// readBody holds the whole body, so that it can be sent again; what all of them may hold is bounded.
func (s *Service) readBody(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	size := r.ContentLength
	if size < 0 || size > s.o.MaxBody {
		size = s.o.MaxBody
	}
	if release, err = s.queue.hold(size); err != nil {
		httpserve.ReadOn(w, r)
		return nil, nil, err
	}
	if body, err = httpserve.ReadBody(w, r, s.o.MaxBody); err != nil {
		release()
		return nil, nil, err
	}
	return body, release, nil
}

// newProxy copies requests and answers, less what is meant for one hop only, as the standard library's proxy does; the transport decides
// where each goes.
func (s *Service) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: s,
		ErrorLog:  slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetXForwarded()
			p.Out.Header.Set(api.HeaderRequestID, httpserve.RequestID(p.In))
			p.Out.URL.Scheme = "http"
		},
		ModifyResponse: func(resp *http.Response) error {
			// What a replica says of itself is not the service's; the request's id is set already.
			resp.Header.Del(api.HeaderSlots)
			resp.Header.Del(api.HeaderCapacity)
			resp.Header.Del(api.HeaderRequestID)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			httpserve.WriteError(w, r, err, s.o.Log)
		},
	}
}

// RoundTrip sends a request to a replica when one is free, and to another one when that fails in a way that may be tried again. It is the
// proxy's transport; its errors are *api.Problem.
func (s *Service) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := r.Context().Value(bodyKey{}).([]byte)
	tried := map[string]bool{}
	for {
		waiting := time.Now()
		grant, err := s.queue.acquire(r.Context(), tried)
		s.metrics.queueWait.Observe(time.Since(waiting).Seconds())
		if err != nil {
			return nil, s.problem(err, s.o.Timeout)
		}
		a := s.attempt(r, body, grant)
		if a.retry == "" {
			return a.response, a.err
		}
		s.o.Log.Debug("attempt failed", "request", r.Header.Get(api.HeaderRequestID), "replica", grant.Name(), "reason", a.retry, "error", a.err)
		if r.Context().Err() != nil || !s.queue.mayRetry() {
			return a.response, a.err
		}
		if a.response != nil {
			a.response.Body.Close()
		}
		s.metrics.retries.WithLabelValues(a.retry).Inc()
		tried[grant.Name()] = true
		if len(tried) >= s.queue.replicas() {
			clear(tried) // it has been everywhere: anywhere will do
		}
	}
}

// attempt is one try at one replica.
type attempt struct {
	response *http.Response // nil: none came
	err      error          // an *api.Problem, where response is nil
	retry    string         // why it may be tried elsewhere; "": it may not
}

var errSlow = errors.New("no answer within the attempt's time-out")

func (s *Service) attempt(r *http.Request, body []byte, grant *balance.Grant) attempt {
	ctx, cancel := context.WithCancelCause(r.Context())
	patience := s.attemptTimeout()
	timer := time.AfterFunc(patience, func() { cancel(errSlow) })
	start := time.Now()
	s.metrics.inFlight.Inc()
	resp, err := s.o.Transport.RoundTrip(outgoing(ctx, r, body, grant.URL()))
	timer.Stop() // once the answer has begun it may take its time
	finish := func(end func(time.Time)) {
		cancel(nil)
		s.metrics.inFlight.Dec()
		s.queue.done(end)
	}
	if err != nil {
		return s.failedAttempt(r, ctx, grant, err, finish, patience)
	}
	s.learn(grant.Name(), resp.Header)
	if resp.StatusCode == http.StatusServiceUnavailable {
		kept := keep(resp)
		finish(func(time.Time) { grant.Neutral() })
		return attempt{response: kept, retry: retryOverloaded}
	}
	end := func(now time.Time) {
		if resp.StatusCode >= http.StatusInternalServerError {
			grant.Failed(now, patience)
			return
		}
		grant.Answered(now.Sub(start))
		s.latencies.add(now.Sub(start))
	}
	resp.Body = &releasingBody{ReadCloser: resp.Body, release: func() { finish(end) }}
	return attempt{response: resp}
}

func (s *Service) failedAttempt(r *http.Request, ctx context.Context, grant *balance.Grant, err error, finish func(func(time.Time)), patience time.Duration) attempt {
	if r.Context().Err() != nil {
		finish(func(time.Time) { grant.Neutral() })
		return attempt{err: s.problem(r.Context().Err(), s.o.Timeout)}
	}
	reason := retryBroken
	switch {
	case errors.Is(context.Cause(ctx), errSlow):
		reason = retrySlow
	case isDial(err):
		reason = retryConnect
	}
	finish(func(now time.Time) { grant.Failed(now, patience) })
	return attempt{retry: reason, err: api.NewProblem(http.StatusBadGateway, "replica-failed",
		"the replica that had this request failed (%s) and it could not be tried at another one: send it again", reason)}
}

// outgoing is the request as a replica gets it: the held body, and what is left of the deadline.
func outgoing(ctx context.Context, r *http.Request, body []byte, to string) *http.Request {
	out := r.Clone(ctx)
	base, err := url.Parse(to)
	if err != nil {
		base = &url.URL{Scheme: "http", Host: to} // the transport will say that it cannot connect
	}
	out.URL.Scheme, out.URL.Host, out.Host = base.Scheme, base.Host, base.Host
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	if deadline, ok := ctx.Deadline(); ok {
		out.Header.Set(api.HeaderTimeout, api.FormatTimeout(time.Until(deadline)))
	}
	return out
}
