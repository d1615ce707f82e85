package soak

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// seen is what a server saw of a request.
type seen struct {
	from   string
	length int64 // as the header says; -1: it does not
	body   []byte
	err    error
}

// How long a server waits for a client that says nothing: for ever, or as long as a test has time.
const (
	patient   = time.Hour
	impatient = time.Second
)

// host serves, and tells what it saw.
func host(t *testing.T, patience time.Duration, answer http.HandlerFunc) (*crowd, chan seen) {
	t.Helper()
	saw := make(chan seen, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		saw <- seen{r.RemoteAddr, r.ContentLength, body, err}
		if err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
			return
		}
		answer(w, r)
	}))
	s.Config.ReadHeaderTimeout, s.Config.ReadTimeout, s.Config.IdleTimeout = patience, patience, patience
	s.Start()
	t.Cleanup(s.Close)
	c, err := newCrowd(Options{URL: s.URL}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.polite.CloseIdleConnections)
	return c, saw
}

func fine(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") }

func send(t *testing.T, c *crowd, how manner, chunked bool) (Ending, []byte) {
	t.Helper()
	body := bytes.Repeat([]byte("picture "), 1000)
	came := c.do(t.Context(), errand{how: how, message: message{
		method: http.MethodPost, path: "/predict", header: []string{"Content-Type", "image/jpeg"}, body: body, chunked: chunked,
	}})
	t.Log(came.end, came.err)
	return came.end, came.body
}

func TestClientsThatWaitGetTheirAnswer(t *testing.T) {
	for name, how := range map[string]manner{"polite": nil, "slow": slowly(10, time.Millisecond)} {
		c, saw := host(t, patient, fine)
		for _, chunked := range []bool{false, true} {
			if end, body := send(t, c, how, chunked); end != http.StatusOK || string(body) != "fine" {
				t.Errorf("%s: %v %s", name, end, body)
			}
			if got := <-saw; len(got.body) != 8000 || got.err != nil || (got.length < 0) != chunked {
				t.Errorf("%s, in chunks %v: %d bytes of %d arrived, %v", name, chunked, len(got.body), got.length, got.err)
			}
		}
	}
}

func TestClientsThatHaltWaitForTheServersPatience(t *testing.T) {
	half := func(text []byte) []byte { return part(text, 0.5) }
	for _, c := range []struct {
		name      string
		beginning func([]byte) []byte
		want      Ending
	}{{"says nothing", nothing, Closed}, {"stops in the header", firstLine, Closed}, {"stops in the body", half, http.StatusRequestTimeout}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			crowd, saw := host(t, impatient, fine)
			if end, _ := send(t, crowd, halting(c.beginning), false); end != c.want {
				t.Errorf("it ended %v, want %v", end, c.want)
			}
			if c.want == Closed && len(saw) > 0 {
				t.Errorf("a request came through: %+v", <-saw)
			} else if c.want != Closed {
				if got := <-saw; got.err == nil || len(got.body) == 0 || len(got.body) == 8000 {
					t.Errorf("%d bytes arrived, %v", len(got.body), got.err)
				}
			}
		})
	}
}

func TestClientsThatLeaveAreGone(t *testing.T) {
	for _, reset := range []bool{false, true} {
		c, saw := host(t, patient, fine)
		if end, _ := send(t, c, leaving(0.5, 0, reset), false); end != Left {
			t.Errorf("half-way: %v", end)
		}
		if got := <-saw; got.err == nil || errors.Is(got.err, syscall.ECONNRESET) != reset {
			t.Errorf("a client left half-way, with a reset %v: %v", reset, got.err)
		}
		gone := make(chan struct{})
		c, saw = host(t, patient, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); close(gone) })
		if end, _ := send(t, c, leaving(1, time.Millisecond, reset), false); end != Left {
			t.Errorf("while it waits: %v", end)
		}
		if got := <-saw; got.err != nil {
			t.Errorf("the body did not arrive: %v", got.err)
		}
		<-gone
	}
}

func TestClientsThatStay(t *testing.T) {
	c, saw := host(t, patient, fine)
	if end, _ := send(t, c, staying(time.Millisecond), false); end != http.StatusOK {
		t.Errorf("one that asks again: %v", end)
	}
	if first, second := <-saw, <-saw; first.from != second.from {
		t.Errorf("it asked from %s and from %s", first.from, second.from)
	}
	c, _ = host(t, impatient, fine)
	if end, _ := send(t, c, outstaying, false); end != Closed {
		t.Errorf("one that outstays: %v", end)
	}
}

func TestAnswerThatBreaksOffIsLost(t *testing.T) {
	for name, how := range map[string]manner{"polite": nil, "slow": slowly(2, 0)} {
		c, _ := host(t, patient, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "the beginning")
		})
		if end, _ := send(t, c, how, false); end != Lost {
			t.Errorf("%s: %v", name, end)
		}
	}
}

func TestTheEndOfTheSoakCutsWhoIsStillWaiting(t *testing.T) {
	for name, how := range map[string]manner{"polite": nil, "slow": slowly(1, time.Hour), "stays": staying(time.Hour)} {
		c, saw := host(t, patient, func(w http.ResponseWriter, r *http.Request) {
			if how == nil {
				<-r.Context().Done() // this client needs a server that lets it wait
			}
		})
		c.tally["x"] = &Tally{Kind: "x", Endings: map[string]int{}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(ctx, "x", errand{how: how, may: answered, message: message{method: http.MethodPost, path: "/predict", body: []byte("x")}})
		}()
		<-saw
		cancel()
		<-done
		if got := c.tally["x"]; got.Endings["cut short"] != 1 || got.Wrong != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestEssenceLeavesTimesOut(t *testing.T) {
	answer := `{"model":"m","predictions":[{"class_id":1}],"timing_ms":{"queue":1}}`
	if got := string(essence("/predict?top_k=1", []byte(answer))); got != `[{"class_id":1}]` {
		t.Errorf("of an answer of /predict: %s", got)
	}
	if got := string(essence("/v2/models/m/infer", []byte(answer))); got != answer {
		t.Errorf("of an answer of /v2: %s", got)
	}
	if got := string(essence("/predict", []byte("<html>"))); !strings.Contains(got, "<html>") {
		t.Errorf("of what is no answer: %s", got)
	}
}
