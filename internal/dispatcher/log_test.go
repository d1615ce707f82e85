package dispatcher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/testkit"
)

// line is a line of the access log.
type line struct {
	Msg, Request, Trace, Client, Method, Path, Replica string
	Status, Retries, Unlogged                          int
	Complete                                           bool
	BytesIn                                            int     `json:"bytes_in"`
	BytesOut                                           int     `json:"bytes_out"`
	Took                                               float64 `json:"took_ms"`
	Queued                                             float64 `json:"queued_ms"`
}

func lines(t *testing.T, logged string) (requests []line) {
	t.Helper()
	for text := range strings.Lines(logged) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if l.Msg == "request" {
			requests = append(requests, l)
		}
	}
	return requests
}

func TestALineARequest(t *testing.T) {
	var logs testkit.Buffer
	tries := 0
	flaky := replica(t, func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		echo(w, r)
	})
	url := "http://" + run(t, func(o *dispatcher.Options) {
		o.LogSample, o.Log = 1, slog.New(slog.NewJSONHandler(&logs, nil))
	}, flaky).Addr().String()
	ask(t, "POST", url+"/predict?top_k=3", "picture", "X-Request-Id", "seven", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	ask(t, "GET", url+"/v2/"+strings.Repeat("x", 1000), "")
	testkit.Eventually(t, "both are logged", func() bool { return len(lines(t, logs.String())) == 2 })
	for i, l := range lines(t, logs.String()) {
		if l.Took <= 0 || l.Queued > l.Took || (l.Queued > 0) != (i == 0) {
			t.Errorf("took %v ms, of which it was queued %v", l.Took, l.Queued)
		}
		if i == 1 && (len(l.Path) != 200 || l.Request == "") {
			t.Errorf("path %q of request %q", l.Path, l.Request)
		}
		l.Took, l.Queued = 0, 0
		want := line{
			Msg: "request", Request: "seven", Trace: "4bf92f3577b34da6a3ce929d0e0e4736", Client: "127.0.0.1", Method: "POST", Path: "/predict",
			Replica: flaky.Name, Status: 200, Retries: 1, Complete: true, BytesIn: 7, BytesOut: 7,
		}
		if i == 0 && l != want {
			t.Errorf("the line is\n%+v, want\n%+v", l, want)
		}
	}
}

func TestTraces(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for header, want := range map[string]string{
		"00-" + id + "-00f067aa0ba902b7-01":      id,
		"cc-" + id + "-00f067aa0ba902b7-01-more": id,
		"":                                       "",
		"00-" + id:                               "",
		"00-" + strings.Repeat("0", 32) + "-1-01":            "",
		"00-" + strings.ToUpper(id) + "-00f067aa0ba902b7-01": "",
		"00-" + id[1:] + "-00f067aa0ba902b7-01":              "",
		"0-" + id + "-00f067aa0ba902b7-01":                   "",
		"00-" + id[1:] + "\"-00f067aa0ba902b7-01":            "",
	} {
		var logs bytes.Buffer
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("Traceparent", header)
		logged(&logs, 1, func(http.ResponseWriter, *http.Request) {})(r)
		if got := lines(t, logs.String())[0].Trace; got != want {
			t.Errorf("%q is of trace %q, want %q", header, got, want)
		}
	}
}

// logged serves requests by a handler whose requests are logged.
func logged(w io.Writer, sample float64, h http.HandlerFunc) func(*http.Request) {
	served := dispatcher.LogAccess(slog.New(slog.NewJSONHandler(w, nil)), sample, h)
	return func(r *http.Request) {
		defer func() { _ = recover() }() // as a server does
		served.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestWhatIsLoggedWhateverTheSample(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    bool
	}{
		"good":       {status(200), false},
		"refused":    {status(429), false},
		"failed":     {status(500), true},
		"overloaded": {status(503), true},
		"slow":       {func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }, true},
		"fast":       {func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second - 1) }, false},
		"stream": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			time.Sleep(time.Hour)
		}, false},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var none, all bytes.Buffer
				logged(&none, 0, c.handler)(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
				logged(&all, 1, c.handler)(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
				if got := lines(t, none.String()); (len(got) == 1) != c.want {
					t.Errorf("with no sample: %+v", got)
				}
				if got := lines(t, all.String()); len(got) != 1 || got[0].Complete != (name != "cut off") {
					t.Errorf("with all: %+v", got)
				}
			})
		})
	}
}

// A fault does not flood the log, and the lines that are left out are counted.
func TestFailuresAreLoggedSoManyASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		fail := logged(&logs, 0, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		failures := func(n int) {
			for range n {
				fail(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
			}
		}
		failures(1000)
		if n := len(lines(t, logs.String())); n != 50 {
			t.Errorf("%d lines of 1000 failures at once, want 50", n)
		}
		time.Sleep(time.Second)
		failures(1000)
		got := lines(t, logs.String())
		if len(got) != 60 || got[50].Unlogged != 950 || got[51].Unlogged != 0 {
			t.Errorf("%d lines a second later, want 10 more, the first of which tells of 950 others: it tells of %d", len(got), got[50].Unlogged)
		}
	})
}

func TestASampleIsAShare(t *testing.T) {
	var logs bytes.Buffer
	serve := logged(&logs, 0.1, func(http.ResponseWriter, *http.Request) {})
	for range 10_000 {
		serve(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	}
	// Ten standard deviations around 1,000.
	if n := len(lines(t, logs.String())); n < 700 || n > 1300 {
		t.Errorf("%d lines of 10,000 requests, want about 1,000", n)
	}
}

func TestACallerWhoLeftIsLoggedAsThat(t *testing.T) {
	var logs bytes.Buffer
	ctx, leave := context.WithCancel(t.Context())
	logged(&logs, 1, func(http.ResponseWriter, *http.Request) { leave() })(httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if got := lines(t, logs.String())[0].Status; got != 499 {
		t.Errorf("status %d", got)
	}
}
