package dispatcher_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/testkit/openapi"

	"github.com/go-chi/chi/v5"
)

// Every route is described, and nothing else is. What a browser loads is no part of the API.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	s, err := newService(t, unchanged)
	if err != nil {
		t.Fatal(err)
	}
	defer dispatcher.Close(s)
	routes := dispatcher.Routes(s)
	described := openapi.Of(t, "http://"+run(t, unchanged).Addr().String()).Operations()
	err = chi.Walk(routes, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		path = strings.TrimSuffix(path, "/")
		page := path == "" || strings.HasPrefix(path, "/page/")
		if !page && !slices.Contains(described, method+" "+path) {
			t.Errorf("%s %s is not described", method, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := []string{"GET /healthz", "GET /readyz", "GET /metrics"}
	for _, operation := range described {
		method, path, _ := strings.Cut(operation, " ")
		if !routes.Match(chi.NewRouteContext(), method, path) && !slices.Contains(elsewhere, operation) {
			t.Errorf("%s is described, and not there", operation)
		}
	}
}

// What the dispatcher itself says is as it is described; what it passes on is the model server's, and held against the description where
// the real one runs.
func TestOpenAPIIsTrue(t *testing.T) {
	lost := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	full := func(w http.ResponseWriter, r *http.Request) {
		p := api.NewProblem(http.StatusServiceUnavailable, "queue-full", "10 wait")
		p.RetryAfter = time.Second
		if strings.HasPrefix(r.URL.Path, api.PathV2) {
			p.WriteV2(w)
			return
		}
		p.Write(w, "")
	}
	guarded := func(o *dispatcher.Options) {
		o.Keys = keys(t, keysFile(t, keyLine("alice", "of-alice", ""), keyLine("bob", "of-bob", fmt.Sprint(":", rare))))
	}
	hasty := func(o *dispatcher.Options) { o.Timeout, o.QueueTimeout = 50*time.Millisecond, 20*time.Millisecond }
	hurried := func(o *dispatcher.Options) { o.QueueTimeout = 20 * time.Millisecond }
	const kind, key = "Content-Type", "Authorization"
	picture, tensors := []string{kind, "image/jpeg"}, []string{kind, "application/octet-stream", "Inference-Header-Content-Length", "2"}
	for _, c := range []struct {
		name     string
		change   func(*dispatcher.Options)
		replica  http.HandlerFunc // nil: there is none
		requests []string
		headers  []string
		body     int
		status   int
	}{
		{"itself", unchanged, nil, []string{"GET /status", "GET /v2", "GET /v2/health/live", "GET /v2/health/ready", "GET /openapi.json", "GET /healthz", "GET /readyz", "GET /metrics"}, nil, 0, 200},
		{"a replica", unchanged, echo, []string{"GET /status"}, nil, 0, 200},
		{"with a key", guarded, nil, []string{"GET /status", "GET /v2"}, []string{key, "Bearer of-alice"}, 0, 200},
		{"no key", guarded, nil, []string{"POST /predict", "GET /status", "GET /v2", "GET /v2/health/live", "GET /v2/health/ready", "GET /v2/models/x/config", "POST /v2/models/x/infer"}, picture, 1, 401},
		{"unknown key", guarded, nil, []string{"POST /predict", "GET /v2/models/x"}, append([]string{key, "Bearer of-nobody"}, picture...), 1, 401},
		{"too many", guarded, nil, []string{"GET /status 200", "GET /status", "GET /v2", "POST /predict", "POST /v2/models/x/infer", "GET /v2/models/stats"}, append([]string{key, "Bearer of-bob"}, picture...), 1, 429},
		{"bad time-out", unchanged, nil, []string{"POST /predict", "POST /v2/models/x/infer", "GET /v2/models/x/versions/1"}, append([]string{"X-Request-Timeout-Ms", "soon"}, picture...), 1, 400},
		{"too large", unchanged, echo, []string{"POST /predict"}, picture, 2 << 10, 413},
		{"too large a tensor", unchanged, echo, []string{"POST /v2/models/x/infer"}, tensors, 2 << 10, 413},
		{"lost", unchanged, lost, []string{"POST /predict"}, picture, 1, 502},
		{"lost tensors", unchanged, lost, []string{"POST /v2/models/x/infer", "GET /v2/models/x", "GET /v2/models/x/ready"}, tensors, 2, 502},
		{"full", hurried, full, []string{"POST /predict"}, picture, 1, 503},
		{"full of tensors", hurried, full, []string{"POST /v2/models/x/infer", "GET /v2/models/x/ready", "GET /v2/models/x/versions/1/stats"}, tensors, 2, 503},
		{"none is there", hasty, nil, []string{"GET /v2/models/x/ready", "GET /v2/models/x"}, nil, 0, 503},
		{"deadline", hasty, nil, []string{"POST /predict"}, picture, 1, 504},
		{"deadline of tensors", hasty, nil, []string{"POST /v2/models/x/infer"}, tensors, 2, 504},
	} {
		t.Run(c.name, func(t *testing.T) {
			var url string
			if c.replica == nil {
				url = "http://" + run(t, c.change).Addr().String()
			} else {
				url = dispatch(t, c.change, stub(t, c.replica))
			}
			d := openapi.Of(t, url)
			for _, request := range c.requests {
				method, path, _ := strings.Cut(request, " ")
				path, first, _ := strings.Cut(path, " ")
				want := c.status
				if first != "" {
					want = http.StatusOK // it uses up what may be sent
				}
				var body []byte
				if method == http.MethodPost {
					body = []byte(strings.Repeat("{}", max(1, c.body/2)))
				}
				if answer, got := d.Do(t, method, path, body, c.headers...); answer.StatusCode != want {
					t.Errorf("%s: %d %s, want %d", request, answer.StatusCode, got, want)
				}
			}
		})
	}
}
