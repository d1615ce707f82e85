package dispatcher_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/testkit"
)

// A question about a model neither waits for inference nor counts as load.
func TestQuestionsTakeNoCredit(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	url := dispatch(t, unchanged, stub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			entered <- struct{}{}
			<-release
		}
		fmt.Fprintf(w, "%s %s?%s", r.Method, r.URL.Path, r.URL.RawQuery)
	}))
	answered := make(chan answer, 1)
	go func() { answered <- ask(t, "POST", url+infer, "{}") }()
	<-entered
	for _, path := range []string{"/v2/models/m", "/v2/models/m/versions/1/config", "/v2/models/stats", "/v2/models/m/ready?x=1"} {
		a := ask(t, "GET", url+path, "")
		if want := "GET " + path; a.StatusCode != http.StatusOK || strings.TrimSuffix(a.body, "?") != want || a.Header.Get("X-Inference-Slots") != "" {
			t.Errorf("%s while the only slot is taken: %s %q %v", path, a.Status, a.body, a.Header)
		}
	}
	close(release)
	if a := <-answered; a.body != "POST "+infer+"?" {
		t.Errorf("inference: %s %s", a.Status, a.body)
	}
	if n := metric(t, url, "dispatcher_arrivals_total"); n != 1 {
		t.Errorf("%v arrivals, want that of the inference", n)
	}
	if n := metric(t, url, `dispatcher_requests_total{code="200"}`); n != 1 {
		t.Errorf("%v requests, want that of the inference", n)
	}
}

// Bodies and what is said of them go through as they are.
func TestTensorsPassUntouched(t *testing.T) {
	url := dispatch(t, func(o *dispatcher.Options) { o.MaxBody = 1 << 20 }, stub(t, func(w http.ResponseWriter, r *http.Request) {
		for _, h := range []string{"Content-Type", "Content-Encoding", "Inference-Header-Content-Length"} {
			w.Header()[h] = r.Header[h]
		}
		w.Header().Set("X-Inference-Images", "3")
		echo(w, r)
	}))
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	fmt.Fprint(z, strings.Repeat("\x00\xff\x7fnot JSON", 1000))
	z.Close()
	for _, path := range []string{infer, "/v2/models/m/versions/1/infer"} {
		a := ask(t, "POST", url+path, body.String(), "Content-Type", "application/octet-stream", "Content-Encoding", "gzip", "Inference-Header-Content-Length", "7",
			"Accept-Encoding", "gzip")
		if a.body != body.String() || a.Header.Get("Content-Encoding") != "gzip" || a.Header.Get("Inference-Header-Content-Length") != "7" || a.Header.Get("X-Inference-Images") != "3" {
			t.Errorf("%s: %s, %d bytes of %d, %v", path, a.Status, len(a.body), body.Len(), a.Header)
		}
	}
}

// What the protocol's extensions ask, and paths that it does not have, a replica refuses in its own words.
func TestTheRestOfV2IsTheReplicas(t *testing.T) {
	url := dispatch(t, unchanged, stub(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNotImplemented)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
	}))
	for _, to := range []string{"POST /v2/repository/index", "GET /v2/nowhere", "PUT /v2/models/m/versions", "DELETE /v2/models/m/trace"} {
		method, path, _ := strings.Cut(to, " ")
		if a := ask(t, method, url+path, "{}"); a.StatusCode != http.StatusNotImplemented || a.body != to+" {}" {
			t.Errorf("%s: %s %q", to, a.Status, a.body)
		}
	}
	for to, allow := range map[string]string{"GET " + infer: "POST", "DELETE " + infer: "POST", "POST /v2/models/m": "GET", "PUT /v2": "GET", "POST /v2/models/m/versions/1/ready": "GET"} {
		method, path, _ := strings.Cut(to, " ")
		a := ask(t, method, url+path, "{}")
		if want := fmt.Sprintf(`{"error":"%s takes %s, not %s"}`, path, allow, method); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != allow || strings.TrimSpace(a.body) != want {
			t.Errorf("%s: %s, Allow %q, %s", to, a.Status, a.Header.Get("Allow"), a.body)
		}
	}
	if a := ask(t, "POST", url+"/v2/repository/index", strings.Repeat("x", 1<<20)); a.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, "65536 bytes") {
		t.Errorf("a large question: %s %s", a.Status, a.body)
	}
	if n := metric(t, url, "dispatcher_arrivals_total"); n != 0 {
		t.Errorf("%v arrivals", n)
	}
}

func TestAQuestionIsAskedElsewhere(t *testing.T) {
	var failures atomic.Int64
	broken := func(http.ResponseWriter, *http.Request) {
		failures.Add(1)
		panic(http.ErrAbortHandler)
	}
	busy := func(w http.ResponseWriter, _ *http.Request) {
		failures.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	url := dispatch(t, unchanged, stub(t, broken), stub(t, busy), stub(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "said") }))
	for range 30 { // whichever is asked first
		if a := ask(t, "GET", url+"/v2/models/m", ""); a.StatusCode != http.StatusOK || a.body != "said" {
			t.Fatalf("%s %s", a.Status, a.body)
		}
	}
	if failures.Load() == 0 {
		t.Error("the two that fail were never asked")
	}
	// What has been read of a body is gone.
	answered := map[int]int{}
	for range 60 {
		answered[ask(t, "POST", url+"/v2/models/m/trace", "{}").StatusCode]++
	}
	if answered[http.StatusBadGateway] == 0 || answered[http.StatusServiceUnavailable] == 0 || answered[http.StatusOK] == 0 {
		t.Errorf("questions with a body got %v, want some of each replica", answered)
	}
}

func TestAQuestionDoesNotWaitForever(t *testing.T) {
	url := dispatch(t, unchanged)
	for path, says := range map[string]string{"/v2/models/m": "no replica is ready", "/v2/repository/index": "no replica is ready"} {
		begun := time.Now()
		a := ask(t, "GET", url+path, "", "X-Request-Timeout-Ms", "50")
		if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, says) || a.Header.Get("Retry-After") != "1" || time.Since(begun) < 50*time.Millisecond {
			t.Errorf("%s: %s %s after %v", path, a.Status, a.body, time.Since(begun))
		}
	}
	hangs := make(chan struct{})
	defer close(hangs)
	url = dispatch(t, unchanged, stub(t, func(http.ResponseWriter, *http.Request) { <-hangs }))
	if a := ask(t, "GET", url+"/v2/models/m", "", "X-Request-Timeout-Ms", "50"); a.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("a replica that hangs: %s %s", a.Status, a.body)
	}
}

// A replica that comes up meanwhile is asked.
func TestAQuestionWaitsForAReplica(t *testing.T) {
	var up atomic.Bool
	asked := make(chan struct{})
	one := stub(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "said") })
	url := "http://" + run(t, func(o *dispatcher.Options) {
		o.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			if !up.Load() {
				return nil, io.ErrUnexpectedEOF
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	}, one).Addr().String()
	answered := make(chan answer, 1)
	go func() {
		close(asked)
		answered <- ask(t, "GET", url+"/v2/models/m", "")
	}()
	<-asked
	up.Store(true)
	if a := <-answered; a.body != "said" {
		t.Errorf("%s %s", a.Status, a.body)
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Who leaves is told nothing, and is no failure in the log.
func TestWhoAsksAndLeaves(t *testing.T) {
	var logs testkit.Buffer
	entered := make(chan struct{})
	url := dispatch(t, func(o *dispatcher.Options) { o.LogSample, o.Log = 1, slog.New(slog.NewJSONHandler(&logs, nil)) },
		stub(t, func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
		}))
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/v2/models/m", nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			resp.Body.Close()
		}
		gone <- err
	}()
	<-entered
	leave()
	if err := <-gone; err == nil {
		t.Error("there was an answer")
	}
	testkit.Eventually(t, "it is logged as one who left", func() bool { return strings.Contains(logs.String(), `"status":499`) })
	if strings.Contains(logs.String(), "request failed") {
		t.Errorf("it is logged as a failure:\n%s", logs.String())
	}
}

func TestTheServiceItself(t *testing.T) {
	url := "http://" + run(t, unchanged).Addr().String()
	for path, want := range map[string]string{
		"/v2":              `"name":"resnet-autoscaling dispatcher"`,
		"/v2/":             `"extensions":["binary_tensor_data",`,
		"/v2/health/live":  `{"live":true}`,
		"/v2/health/ready": `{"ready":true}`,
	} {
		testkit.Eventually(t, path+" says "+want, func() bool {
			a := ask(t, "GET", url+path, "")
			return a.StatusCode == http.StatusOK && strings.Contains(a.body, want)
		})
	}
}

// silent is a discovery that has not answered yet.
type silent struct{}

func (silent) Watch(ctx context.Context, _ func([]balance.Endpoint)) error {
	<-ctx.Done()
	return nil
}

func TestTheServiceIsAsReadyAsItsProbeSays(t *testing.T) {
	url := "http://" + run(t, func(o *dispatcher.Options) { o.Discovery = silent{} }).Addr().String()
	for path, want := range map[string]string{"/v2/health/ready": `{"ready":false,"error":"the replicas are not known yet"}`, "/readyz": "the replicas are not known yet"} {
		if a := ask(t, "GET", url+path, ""); a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, want) {
			t.Errorf("%s: %s %s, want %s", path, a.Status, a.body, want)
		}
	}
	if a := ask(t, "GET", url+"/v2/health/live", ""); a.StatusCode != http.StatusOK {
		t.Errorf("alive: %s", a.Status)
	}
}
