package modelserver_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"resnet-autoscaling/internal/modelserver"
	"resnet-autoscaling/internal/testkit"
	"resnet-autoscaling/internal/testkit/openapi"

	"github.com/google/go-cmp/cmp"
)

// described is a server whose every answer is held against its own openapi.json.
type described struct {
	*server
	*openapi.Server
}

func describe(t *testing.T, s *server) *described {
	t.Helper()
	return &described{s, openapi.Of(t, s.url)}
}

// Every route is described, and nothing else is.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	s, err := modelserver.New(realOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	defer modelserver.Close(s)
	routes, err := modelserver.Routes(s)
	if err != nil {
		t.Fatal(err)
	}
	routes = append(routes, "GET /healthz", "GET /readyz", "GET /metrics") // which every server has
	slices.Sort(routes)
	if diff := cmp.Diff(routes, describe(t, serve(t, realOptions(t))).Operations()); diff != "" {
		t.Errorf("routes (-) and openapi.json (+):\n%s", diff)
	}
}

// What is described comes about: each status of POST /predict that a caller can bring about, and what the probes say.
func TestOpenAPIIsTrue(t *testing.T) {
	d := describe(t, serve(t, realOptions(t)))
	picture := jpegOf(t, ball())
	formType, formBody := form(t, "file", picture)
	const kind = "Content-Type"
	for _, c := range []struct {
		name, method, path string
		body               []byte
		headers            []string
		status             int
	}{
		{"picture", "POST", "/predict?top_k=3", picture, []string{kind, "image/jpeg"}, 200},
		{"form", "POST", "/predict", formBody, []string{kind, formType}, 200},
		{"patient", "POST", "/predict", picture, []string{kind, "application/octet-stream", "X-Request-Timeout-Ms", "60000"}, 200},
		{"bad parameter", "POST", "/predict?top_k=0", picture, []string{kind, "image/jpeg"}, 400},
		{"no picture", "POST", "/predict", []byte("hello"), []string{kind, "image/jpeg"}, 400},
		{"too large", "POST", "/predict", make([]byte, 2<<20), []string{kind, "image/jpeg"}, 413},
		{"type", "POST", "/predict", picture, []string{kind, "text/plain"}, 415},
		{"pixels", "POST", "/predict", testkit.PNGHeader(60000, 60000), []string{kind, "image/png"}, 422},
		{"deadline", "POST", "/predict", picture, []string{kind, "image/jpeg", "X-Request-Timeout-Ms", "1"}, 504},
		{"alive", "GET", "/healthz", nil, nil, 200},
		{"ready", "GET", "/readyz", nil, nil, 200},
		{"metrics", "GET", "/metrics", nil, nil, 200},
		{"description", "GET", "/openapi.json", nil, nil, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			if answer, body := d.Do(t, c.method, c.path, c.body, c.headers...); answer.StatusCode != c.status {
				t.Errorf("%d %s, want %d", answer.StatusCode, body, c.status)
			}
		})
	}
}

// The examples of requests are requests that the server takes.
func TestOpenAPIExamples(t *testing.T) {
	d := describe(t, serve(t, realOptions(t)))
	sent := 0
	for path, item := range d.Spec.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.RequestBody == nil {
				continue
			}
			for kind, content := range operation.RequestBody.Value.Content {
				if content.Example == nil {
					continue
				}
				body, err := json.Marshal(content.Example)
				if err != nil {
					t.Fatal(err)
				}
				url := strings.NewReplacer("{name}", "resnet18", "{version}", "1").Replace(path)
				if answer, got := d.Do(t, method, url, body, "Content-Type", kind); answer.StatusCode != http.StatusOK {
					t.Errorf("%s %s: %d %s", method, url, answer.StatusCode, got)
				}
				sent++
			}
		}
	}
	if sent != 2 {
		t.Errorf("%d examples were sent, want 2", sent)
	}
}
