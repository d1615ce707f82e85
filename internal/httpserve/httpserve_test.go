package httpserve_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type running struct {
	url    string
	client *http.Client
	stop   context.CancelCauseFunc
	result chan error
}

func run(t *testing.T, change func(*httpserve.Options)) *running {
	t.Helper()
	o := httpserve.Options{
		Listen:       "127.0.0.1:0",
		Routes:       func(chi.Router) {},
		Gatherer:     prometheus.NewRegistry(),
		DrainTimeout: time.Minute,
		Log:          slog.New(slog.DiscardHandler),
	}
	change(&o)
	s, err := httpserve.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	r := &running{url: "http://" + s.Addr().String(), client: &http.Client{Transport: &http.Transport{}}, stop: stop, result: make(chan error, 1)}
	go func() {
		defer close(r.result)
		r.result <- s.Run(ctx)
	}()
	t.Cleanup(func() {
		stop(nil)
		s.Close()
		r.client.CloseIdleConnections()
		for range r.result { // until it has ended
		}
	})
	return r
}

func (r *running) do(t *testing.T, method, path string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestProbesAndProblems(t *testing.T) {
	notYet := errors.New("calibrating")
	r := run(t, func(o *httpserve.Options) {
		o.Ready = func() error { return notYet }
		o.Routes = func(c chi.Router) {
			c.Post("/predict", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "done") })
			c.Get("/broken", func(w http.ResponseWriter, req *http.Request) {
				httpserve.WriteError(w, req, errors.New("secret cause"), slog.New(slog.DiscardHandler))
			})
		}
	})
	for _, c := range []struct {
		method, path string
		status       int
		kind, says   string
		allow        string
	}{
		{"GET", "/healthz", 200, "", "ok", ""},
		{"GET", "/readyz", 503, "not-ready", "calibrating", ""},
		{"POST", "/predict", 200, "", "done", ""},
		{"GET", "/predict", 405, "method-not-allowed", "/predict takes POST, not GET", "POST"},
		{"GET", "/nowhere", 404, "not-found", "POST /predict", ""},
		{"GET", "/broken", 500, "internal-error", "in its log as request", ""},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			resp, body := r.do(t, c.method, c.path)
			if resp.StatusCode != c.status || !strings.Contains(body, c.says) || strings.Contains(body, "secret") {
				t.Errorf("%d %s, want %d saying %q", resp.StatusCode, body, c.status, c.says)
			}
			if resp.Header.Get("Allow") != c.allow {
				t.Errorf("Allow %q, want %q", resp.Header.Get("Allow"), c.allow)
			}
			if c.kind == "" {
				return
			}
			var p api.Problem
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatal(err)
			}
			if resp.Header.Get("Content-Type") != api.ProblemContentType || p.Kind() != c.kind || p.Status != c.status {
				t.Errorf("problem %+v of type %s, want kind %s", p, resp.Header.Get("Content-Type"), c.kind)
			}
			if id := resp.Header.Get(api.HeaderRequestID); id == "" || p.Instance != "urn:request:"+id {
				t.Errorf("instance %q does not name request %q", p.Instance, id)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	// The certificate of a server that net/http's own tests would use, and the client that trusts it.
	model := httptest.NewTLSServer(http.NotFoundHandler())
	defer model.Close()
	r := run(t, func(o *httpserve.Options) { o.TLS = &tls.Config{Certificates: model.TLS.Certificates} })
	r.client = model.Client()
	defer r.client.CloseIdleConnections()
	if resp, body := r.do(t, "GET", "/healthz"); resp.StatusCode != 400 || !strings.Contains(body, "HTTPS") {
		t.Errorf("plain http: %d %s", resp.StatusCode, body)
	}
	r.url = strings.Replace(r.url, "http:", "https:", 1)
	if resp, body := r.do(t, "GET", "/healthz"); resp.StatusCode != 200 || body != "ok\n" {
		t.Errorf("https: %d %s", resp.StatusCode, body)
	}
}

// A request that was accepted before the stop is answered, its connection ends with the answer, and Run returns only then.
func TestDrainAnswersWhatWasAccepted(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	r := run(t, func(o *httpserve.Options) {
		o.Routes = func(c chi.Router) {
			c.Get("/slow", func(w http.ResponseWriter, _ *http.Request) {
				close(entered)
				<-release
				io.WriteString(w, "answered")
			})
		}
	})
	answer := make(chan string, 1)
	go func() {
		_, body := r.do(t, "GET", "/slow")
		answer <- body
	}()
	<-entered
	r.stop(lifecycle.ErrInterrupted)
	select {
	case err := <-r.result:
		t.Fatalf("Run returned %v with a request in hand", err)
	default:
	}
	close(release)
	if got := <-answer; got != "answered" {
		t.Errorf("answer %q", got)
	}
	if err := <-r.result; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// During the delay after SIGTERM the server says not ready and still serves, each answer closing its connection.
func TestTerminatedServesOnNotReadyForTheDelay(t *testing.T) {
	r := run(t, func(o *httpserve.Options) { o.DrainDelay = time.Hour })
	if resp, _ := r.do(t, "GET", "/readyz"); resp.StatusCode != 200 {
		t.Fatalf("ready before: %d", resp.StatusCode)
	}
	r.stop(lifecycle.ErrTerminated)
	for {
		resp, body := r.do(t, "GET", "/readyz")
		if resp.StatusCode == http.StatusOK {
			continue // the stop has not reached the server yet
		}
		if !strings.Contains(body, "draining") || !resp.Close {
			t.Errorf("%s, closing %v: want draining and a closed connection", body, resp.Close)
		}
		break
	}
	if resp, _ := r.do(t, "GET", "/healthz"); resp.StatusCode != 200 {
		t.Errorf("healthz while draining: %d", resp.StatusCode)
	}
}

func TestBusyAddressIsNamed(t *testing.T) {
	r := run(t, func(*httpserve.Options) {})
	_, err := httpserve.New(httpserve.Options{Listen: strings.TrimPrefix(r.url, "http://")})
	if err == nil || !strings.Contains(err.Error(), "listen on") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("New on a busy address: %v", err)
	}
}

// Under /v2 errors have the shape of the Open Inference Protocol.
func TestErrorsOfV2(t *testing.T) {
	r := run(t, func(o *httpserve.Options) {
		o.Routes = func(c chi.Router) {
			c.Get("/v2/broken", func(w http.ResponseWriter, req *http.Request) {
				p := api.NewProblem(http.StatusUnauthorized, "unauthorized", "no key")
				p.RetryAfter, p.Challenge = time.Minute, "Bearer"
				httpserve.WriteError(w, req, p, slog.New(slog.DiscardHandler))
			})
			c.Route("/v2/sub", func(c chi.Router) {
				c.MethodNotAllowed(httpserve.MethodNotAllowed(c))
				c.Post("/", func(http.ResponseWriter, *http.Request) {})
			})
		}
	})
	for _, c := range []struct {
		path   string
		status int
		says   string
	}{
		{"/v2/broken", 401, `{"error":"no key"}`},
		{"/v2//broken", 401, `{"error":"no key"}`},
		{"/v2/sub", 405, `{"error":"/v2/sub takes POST, not GET"}`},
		{"/v2", 404, `{"error":"there is nothing at /v2; pictures go to POST /predict"}`},
		{"/v2.json", 404, `"instance"`},
	} {
		resp, body := r.do(t, "GET", c.path)
		if resp.StatusCode != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d saying %s", c.path, resp.StatusCode, body, c.status, c.says)
		}
		if c.status == http.StatusUnauthorized && (resp.Header.Get("WWW-Authenticate") != "Bearer" || resp.Header.Get("Retry-After") != "60") {
			t.Errorf("%s: headers %v", c.path, resp.Header)
		}
		if c.status == http.StatusMethodNotAllowed && resp.Header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", c.path, resp.Header.Get("Allow"))
		}
	}
}

// A caller whose refused request was read to its end keeps its connection: else each refusal would cost a new one.
func TestARefusalKeepsTheConnectionWhereItCan(t *testing.T) {
	r := run(t, func(o *httpserve.Options) {
		o.Routes = func(c chi.Router) {
			c.Post("/small", func(w http.ResponseWriter, req *http.Request) {
				_, err := httpserve.ReadBody(w, req, 10)
				httpserve.WriteError(w, req, err, slog.New(slog.DiscardHandler))
			})
		}
	})
	for body, closes := range map[string]bool{strings.Repeat("x", 1<<20): false, strings.Repeat("x", 65<<20): true} {
		resp, err := r.client.Post(r.url+"/small", "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || resp.Close != closes {
			t.Errorf("a body of %d bytes: %s, closing %v", len(body), resp.Status, resp.Close)
		}
	}
}

func TestNoMetricsWithoutAGatherer(t *testing.T) {
	r := run(t, func(o *httpserve.Options) { o.Gatherer, o.Routes = nil, nil })
	if resp, _ := r.do(t, "GET", "/metrics"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics: %s", resp.Status)
	}
	if resp, _ := r.do(t, "GET", "/readyz"); resp.StatusCode != http.StatusOK {
		t.Errorf("/readyz: %s", resp.Status)
	}
}
