package dispatcher_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

// serve runs a dispatcher until the returned function has stopped it, as SIGTERM does. Nothing of it may be left then.
func serve(t *testing.T, change func(*dispatcher.Options)) (url string, stop func()) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	o := dispatcher.Options{
		Listen: "127.0.0.1:0", Discovery: dispatcher.Fixed{}, Transport: &http.Transport{}, Queue: 100, QueueTimeout: time.Minute,
		Timeout: time.Minute, MaxHeldBytes: 1 << 20, MaxBody: 1 << 10, DrainTimeout: time.Minute,
		Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	}
	change(&o)
	service, err := dispatcher.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	stop = func() {
		t.Helper()
		end(lifecycle.ErrTerminated)
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	}
	return "http://" + service.Addr().String(), stop
}

// played are decisions that a test makes.
type played struct {
	follow chan func(decided func(time.Time, string), readable func(bool))
}

func newPlayed() played {
	return played{make(chan func(func(time.Time, string), func(bool)))}
}

func (p played) Follow(ctx context.Context, decided func(time.Time, string), readable func(bool)) {
	for {
		select {
		case act := <-p.follow:
			act(decided, readable)
		case <-ctx.Done():
			return
		}
	}
}

// event is one that was heard; comments and settings are events without a name.
type event struct{ name, id, data string }

// listen hears events until the test, or the stream, ends.
func listen(t *testing.T, url string) (events <-chan event, answer *http.Response) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+api.PathEvents, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan event, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(heard)
		hear(resp.Body, heard)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		resp.Body.Close()
	})
	return heard, resp
}

func hear(stream io.Reader, heard chan<- event) {
	var e event
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data", "retry":
			e.data = value
		case "":
			heard <- e
			e = event{}
		}
	}
}

// until drops events until one has this name and data that contains a text.
func until(t *testing.T, events <-chan event, name, text string) event {
	t.Helper()
	for e := range events {
		if e.name == name && strings.Contains(e.data, text) {
			return e
		}
	}
	t.Fatalf("the stream ended before %s with %q", name, text)
	return event{}
}

func TestEventsTellStatusAndDecisions(t *testing.T) {
	decisions := newPlayed()
	url, stop := serve(t, func(o *dispatcher.Options) { o.Decisions = decisions })
	defer stop()
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	decisions.follow <- func(decided func(time.Time, string), readable func(bool)) {
		decided(noon, "1→2: offered 9 rps")
		readable(true)
	}
	// Acts are taken one by one: this one begins after the first has ended.
	decisions.follow <- func(func(time.Time, string), func(bool)) {}
	events, answer := listen(t, url)
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if first := <-events; first != (event{data: "1000"}) {
		t.Errorf("first %+v, want how long to wait before connecting again", first)
	}
	if second := <-events; second.name != "history" || !strings.HasPrefix(second.data, "[") {
		t.Errorf("then %+v, want the history", second)
	}
	want := api.Decision{At: noon, Text: "1→2: offered 9 rps"}
	var got api.Decision
	third := <-events
	if err := json.Unmarshal([]byte(third.data), &got); err != nil || third.name != "decision" || got != want || third.id != want.ID() {
		t.Errorf("then %+v, want the decision %+v", third, want)
	}
	var told api.DispatcherStatus
	if fourth := <-events; fourth.name != "status" || json.Unmarshal([]byte(fourth.data), &told) != nil || told.Queue.Limit != 100 || told.Decisions != api.DecisionsFollowed {
		t.Errorf("then %+v, want the status", fourth)
	}
	decisions.follow <- func(decided func(time.Time, string), readable func(bool)) {
		decided(noon, "2→3")
		readable(false)
	}
	until(t, events, "decision", "2→3")
	until(t, events, "status", `"decisions":"unreadable"`)
	again, _ := listen(t, url)
	until(t, again, "decision", "1→2")
	until(t, again, "decision", "2→3")
}

func TestStatusTellsLatency(t *testing.T) {
	url := dispatch(t, unchanged, replica(t, echo))
	if got := status(t, url); got.Latency != (api.LatencyStatus{}) || got.Decisions != api.DecisionsNone {
		t.Errorf("before any request: %+v", got)
	}
	post(t, url, "picture")
	post(t, url, strings.Repeat("x", 1<<10+1)) // refused
	if got := status(t, url).Latency; got.Answers != 1 || got.P50 <= 0 || got.P99 != got.P50 {
		t.Errorf("after one good answer: %+v", got)
	}
}

func TestADrainEndsTheStreams(t *testing.T) {
	// Before the next heartbeat, at which a stream notices by itself.
	url, stop := serve(t, func(o *dispatcher.Options) { o.DrainTimeout = 4 * time.Second })
	events, _ := listen(t, url)
	until(t, events, "status", "")
	stop() // it fails when a stream is left at the drain's time-out
	for range events {
	}
}

func TestTooManyListenersAreRefused(t *testing.T) {
	url, stop := serve(t, unchanged)
	defer stop()
	var last *http.Response
	for range 257 {
		if last != nil && last.StatusCode != http.StatusOK {
			t.Fatalf("%s", last.Status)
		}
		_, last = listen(t, url)
	}
	if last.StatusCode != http.StatusServiceUnavailable || last.Header.Get("Retry-After") != "10" || last.Header.Get("Content-Type") != api.ProblemContentType {
		t.Errorf("the 257th: %s, %v", last.Status, last.Header)
	}
}

// wide is a fleet whose status is larger than what the system keeps for a connection that nobody reads.
func wide() dispatcher.Fixed {
	fleet := dispatcher.Fixed{Transport: &http.Transport{}}
	for i := range 300 {
		fleet.Replicas = append(fleet.Replicas, balance.Endpoint{Name: fmt.Sprint(i) + strings.Repeat("x", 20<<10), URL: "http://127.0.0.1:1"})
	}
	return fleet
}

func TestAListenerThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	// The drain's time-out is shorter than the time that a listener may take.
	url, stop := serve(t, func(o *dispatcher.Options) { o.Discovery, o.DrainTimeout = wide(), 9*time.Second })
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil { // its answer has begun, which is too much for the connection
		t.Fatal(err)
	}
	answer, err := http.Get(url + api.PathEvents)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewReader(answer.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "event: status\n" {
			break
		}
	}
	answer.Body.Close()
	stop()
}
