package dispatcher

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/oip"

	"github.com/go-chi/chi/v5"
)

// v2 is the Open Inference Protocol. Inference is like /predict; what the service is and how it is the dispatcher says itself; everything
// else is a question about a model, which any replica can answer: also that of paths that are none, or belong to an extension.
func (s *Service) v2(r chi.Router) {
	r.NotFound(s.question)
	r.MethodNotAllowed(httpserve.MethodNotAllowed(r))
	r.Get("/", func(w http.ResponseWriter, _ *http.Request) {
		httpserve.WriteJSON(w, http.StatusOK, oip.Server{Name: "resnet-autoscaling dispatcher", Version: command.Version(), Extensions: oip.Extensions})
	})
	r.Get("/health/live", func(w http.ResponseWriter, _ *http.Request) {
		httpserve.WriteJSON(w, http.StatusOK, oip.Live{Live: true})
	})
	r.Get("/health/ready", s.v2Ready)
	r.Get("/models/stats", s.question)
	for _, model := range []string{"/models/{name}", "/models/{name}/versions/{version}"} {
		r.Post(model+"/infer", s.forward)
		for _, question := range []string{"", "/ready", "/config", "/stats"} {
			r.Get(model+question, s.question)
		}
	}
}

// v2Ready says what /readyz says: also without replicas the service takes requests, and holds them.
func (s *Service) v2Ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.server.Ready(); err != nil {
		httpserve.WriteJSON(w, http.StatusServiceUnavailable, oip.Ready{Error: err.Error()})
		return
	}
	httpserve.WriteJSON(w, http.StatusOK, oip.Ready{Ready: true})
}

// Bounds on questions: they take no credit and no place in the queue.
const (
	questionTime  = 5 * time.Second // for a replica to be there, and to answer
	questionTries = 3
	questionPause = 50 * time.Millisecond
	maxQuestion   = 64 << 10 // bytes; few have any
)

// question passes on what is not inference. It counts as no arrival: a replica more would not be any better at answering it.
func (s *Service) question(w http.ResponseWriter, r *http.Request) {
	timeout, err := api.Timeout(r.Header, min(questionTime, s.o.Timeout))
	if err != nil {
		httpserve.WriteError(w, r, err, s.o.Log)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	r.Body = http.MaxBytesReader(w, r.Body, maxQuestion)
	s.questions.ServeHTTP(w, r.WithContext(ctx))
}

// newQuestions is the proxy with another way to a replica.
func (s *Service) newQuestions() *httputil.ReverseProxy {
	p := s.newProxy()
	p.Transport = transport(s.askAny)
	p.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
		if errors.Is(r.Context().Err(), context.Canceled) {
			return // there is nobody left to be told
		}
		httpserve.WriteError(w, r, questionProblem(r.Context(), err), s.o.Log)
	}
	return p
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

var errNoReplica = errors.New("no replica is ready")

// askAny tries some replicas in turn, the first chosen at random. A body is sent on as it comes in, hence only once.
func (s *Service) askAny(r *http.Request) (*http.Response, error) {
	ready, err := s.readyReplicas(r.Context())
	if err != nil {
		return nil, err
	}
	ready = s.catalogue.having(wantedBy(r), ready)
	tries := min(questionTries, len(ready))
	if r.ContentLength != 0 {
		tries = 1
	}
	first := rand.IntN(len(ready))
	for i := 1; ; i++ {
		replica := ready[(first+i)%len(ready)]
		tripOf(r.Context()).sent(replica.Name)
		resp, err := s.o.Transport.RoundTrip(questionTo(replica, r))
		if i == tries || r.Context().Err() != nil || err == nil && !elsewhere(resp.StatusCode) {
			return resp, err
		}
		if err == nil {
			resp.Body.Close()
		}
	}
}

// elsewhere tells whether another replica may have a better answer: this one is full, or has not the model.
func elsewhere(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusNotFound
}

// readyReplicas waits until there is one.
func (s *Service) readyReplicas(ctx context.Context) ([]balance.Status, error) {
	tick := time.NewTicker(questionPause)
	defer tick.Stop()
	for {
		var ready []balance.Status
		for _, r := range s.queue.status().replicas {
			if r.State == balance.Ready {
				ready = append(ready, r)
			}
		}
		if len(ready) > 0 {
			return ready, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errNoReplica
		}
	}
}

func questionTo(replica balance.Status, r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	base, err := url.Parse(replica.URL)
	if err != nil {
		base = &url.URL{Scheme: "http", Host: replica.URL} // the transport will say that it cannot connect
	}
	out.URL.Scheme, out.URL.Host, out.Host = base.Scheme, base.Host, base.Host
	return out
}

// questionProblem says why a question has no answer.
func questionProblem(ctx context.Context, err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return api.NewProblem(http.StatusRequestEntityTooLarge, "too-large", "the body is larger than the %d bytes of any question about a model", large.Limit)
	case errors.Is(err, errNoReplica):
		p := api.NewProblem(http.StatusServiceUnavailable, "no-replica", "no replica is ready to say: try again in a moment")
		p.RetryAfter = time.Second
		return p
	case ctx.Err() != nil:
		return api.NewProblem(http.StatusGatewayTimeout, "deadline", "no replica said it in time")
	}
	return api.NewProblem(http.StatusBadGateway, "replica-failed", "the replica that was asked failed: ask again")
}
