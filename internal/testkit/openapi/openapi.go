// Package openapi holds servers to their own openapi.json.
package openapi

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// Server is a server whose every answer is held against its own openapi.json, and so is every request that it takes.
type Server struct {
	Spec *openapi3.T

	url    string
	router routers.Router
	client *http.Client
}

// Of reads the description of the server at a URL, which must be valid, its examples included.
func Of(t *testing.T, url string) *Server {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	s := &Server{url: url, client: &http.Client{Transport: transport}}
	answer, err := s.client.Get(url + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if s.Spec, err = openapi3.NewLoader().LoadFromData(text); err != nil {
		t.Fatal(err)
	}
	if s.router, err = legacy.NewRouter(s.Spec); err != nil {
		t.Fatal(err)
	}
	return s
}

// Operations are what is described, each as its method and its path, in order.
func (s *Server) Operations() (all []string) {
	for path, item := range s.Spec.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// Do sends a request, with headers given as names and values in turn. The answer's body comes back inflated.
func (s *Server) Do(t *testing.T, method, path string, body []byte, headers ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := s.client.Do(request)
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
	s.check(t, request, answer, got)
	return answer, got
}

func (s *Server) check(t *testing.T, request *http.Request, answer *http.Response, body []byte) {
	t.Helper()
	route, parameters, err := s.router.FindRoute(request)
	if err != nil {
		if answer.StatusCode < 400 {
			t.Errorf("%s %s is not described, and answered %d", request.Method, request.URL.Path, answer.StatusCode)
		}
		return
	}
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, ExcludeRequestBody: request.Header.Get("Content-Encoding") != "",
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, // whom it lets in is the server's to say
	}
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
