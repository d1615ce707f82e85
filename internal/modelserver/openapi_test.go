package modelserver_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"resnet-autoscaling/internal/modelserver"
	"resnet-autoscaling/internal/testkit"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"
)

// described is a server whose every answer is held against its own openapi.json, and so is every request that it takes.
type described struct {
	*server
	spec   *openapi3.T
	router routers.Router
	client *http.Client
}

func describe(t *testing.T, s *server) *described {
	t.Helper()
	answer, err := http.Get(s.url + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(spec) // it validates the description, examples included
	if err != nil {
		t.Fatal(err)
	}
	return &described{server: s, spec: spec, router: router, client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
}

// do sends a request. The answer's body comes back inflated.
func (d *described) do(t *testing.T, method, path string, body []byte, headers ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, d.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := d.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got = inflated(t, got, answer.Header.Get("Content-Encoding"))
	request.Body = io.NopCloser(bytes.NewReader(body))
	d.check(t, request, answer, got)
	return answer, got
}

func (d *described) check(t *testing.T, request *http.Request, answer *http.Response, body []byte) {
	t.Helper()
	route, parameters, err := d.router.FindRoute(request)
	if err != nil {
		if answer.StatusCode < 400 {
			t.Errorf("%s %s is not described, and answered %d", request.Method, request.URL.Path, answer.StatusCode)
		}
		return
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, ExcludeRequestBody: request.Header.Get("Content-Encoding") != ""}
	asked := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(t.Context(), asked); err != nil && answer.StatusCode < 300 {
		t.Errorf("%s %s was taken, and openapi.json forbids it: %v", request.Method, request.URL.Path, err)
	}
	answered := &openapi3filter.ResponseValidationInput{RequestValidationInput: asked, Status: answer.StatusCode, Header: answer.Header, Options: options}
	if err := openapi3filter.ValidateResponse(t.Context(), answered.SetBodyBytes(body)); err != nil {
		t.Errorf("%s %s answered %d, not as openapi.json says: %v\n%s", request.Method, request.URL.Path, answer.StatusCode, err, body)
	}
}

func init() {
	// The library knows of no body that is a picture.
	for _, kind := range []string{"jpeg", "png", "gif", "bmp", "tiff", "webp"} {
		openapi3filter.RegisterBodyDecoder("image/"+kind, openapi3filter.FileBodyDecoder)
	}
}

func inflated(t *testing.T, body []byte, coding string) []byte {
	t.Helper()
	var from io.Reader
	var err error
	switch coding {
	case "":
		return body
	case "gzip":
		from, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		from, err = zlib.NewReader(bytes.NewReader(body))
	default:
		t.Fatalf("Content-Encoding %q", coding)
	}
	if err == nil {
		body, err = io.ReadAll(from)
	}
	if err != nil {
		t.Fatal(err)
	}
	return body
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
	var have []string
	for path, item := range describe(t, serve(t, realOptions(t))).spec.Paths.Map() {
		for method := range item.Operations() {
			have = append(have, method+" "+path)
		}
	}
	slices.Sort(have)
	if diff := cmp.Diff(routes, have); diff != "" {
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
			if answer, body := d.do(t, c.method, c.path, c.body, c.headers...); answer.StatusCode != c.status {
				t.Errorf("%d %s, want %d", answer.StatusCode, body, c.status)
			}
		})
	}
}

// The examples of requests are requests that the server takes.
func TestOpenAPIExamples(t *testing.T) {
	d := describe(t, serve(t, realOptions(t)))
	sent := 0
	for path, item := range d.spec.Paths.Map() {
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
				if answer, got := d.do(t, method, url, body, "Content-Type", kind); answer.StatusCode != http.StatusOK {
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
