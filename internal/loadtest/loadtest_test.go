package loadtest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/pace"
	"resnet-autoscaling/internal/summary"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type noScreen struct{}

func (noScreen) Update(summary.Frame) {}
func (noScreen) Note(string)          {}

// noted keeps the lines that stay.
type noted struct {
	noScreen
	lines []string
}

func (n *noted) Note(line string) { n.lines = append(n.lines, line) }

// against makes options for a handler; the profile is short, and nothing here depends on how fast the machine is.
func against(t *testing.T, profile string, predict http.HandlerFunc) loadtest.Options {
	t.Helper()
	return againstBoth(t, profile, predict, http.NotFound)
}

func againstBoth(t *testing.T, profile string, predict, status http.HandlerFunc) loadtest.Options {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(api.PathPredict, predict)
	mux.HandleFunc(api.PathStatus, status)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL + api.PathPredict)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pace.Parse(profile)
	if err != nil {
		t.Fatal(err)
	}
	client := loadtest.NewClient(100)
	t.Cleanup(client.CloseIdleConnections)
	return loadtest.Options{
		Where: loadtest.Where{Said: target, Client: client}, Profile: p, Spacing: pace.Even(), Timeout: time.Minute, MaxInFlight: 100,
		Pictures: []loadtest.Picture{{Name: "a", ContentType: "image/png", Data: []byte("aaa")}, {Name: "b", ContentType: "image/gif", Data: []byte("bb")}},
		Screen:   noScreen{}, Log: slog.New(slog.DiscardHandler),
	}
}

func run(t *testing.T, ctx context.Context, o loadtest.Options) summary.Result {
	t.Helper()
	s, err := loadtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPicturesInTurn(t *testing.T) {
	var png, gif atomic.Int64
	o := against(t, "constant:100/200ms", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodPost && r.Header.Get("Content-Type") == "image/png" && string(body) == "aaa":
			png.Add(1)
		case r.Method == http.MethodPost && r.Header.Get("Content-Type") == "image/gif" && string(body) == "bb":
			gif.Add(1)
		}
	})
	r := run(t, t.Context(), o)
	if png.Load() != 10 || gif.Load() != 10 || r.OK != 20 || r.BytesSent != 50 || len(r.Errors) != 0 {
		t.Errorf("%d and %d pictures arrived; result %+v", png.Load(), gif.Load(), r)
	}
}

func TestEachOutcomeIsTold(t *testing.T) {
	var arrived atomic.Int64
	o := against(t, "constant:100/200ms", func(w http.ResponseWriter, _ *http.Request) {
		if arrived.Add(1)%4 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	told, due := map[summary.Kind]int{}, map[time.Duration]bool{}
	o.Each = func(one summary.Outcome) { // one at a time: the race detector would object
		told[one.Kind]++
		due[one.Due] = true
	}
	run(t, t.Context(), o)
	if told[summary.OK] != 15 || told[summary.Refused] != 5 || len(due) != 20 {
		t.Errorf("told %v, due at %d instants; want 15 answers and 5 refusals, due at 20", told, len(due))
	}
}

func TestTheAutoscalersDecisionsAreToldWhileItRuns(t *testing.T) {
	told := make(chan struct{})
	o := againstBoth(t, "constant:100/100ms", func(http.ResponseWriter, *http.Request) { <-told },
		func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
	screen := &noted{}
	o.Screen = screen
	o.Desired = func(context.Context) (int, error) { return 1, nil }
	o.Decisions = func(_ context.Context, since time.Time, tell func(time.Time, string)) error {
		tell(since, "1→2: more load")
		close(told) // the test goes on until its requests are answered
		return errors.New("the watch broke")
	}
	run(t, t.Context(), o)
	if len(screen.lines) == 0 || !strings.HasSuffix(screen.lines[0], "  autoscaler  1→2: more load") {
		t.Errorf("lines %q", screen.lines)
	}
}

// A server that answers nothing for a while delays every request that is due meanwhile: each counts from when it was due. A tester that
// waited for answers would have sent one, and seen one slow request.
func TestAStallIsFeltByEveryRequestThatWasDue(t *testing.T) {
	release := make(chan struct{})
	var arrived atomic.Int64
	o := against(t, "constant:100/500ms", func(http.ResponseWriter, *http.Request) {
		if arrived.Add(1) == 50 {
			close(release) // only when all of them are here: none waited for another
		}
		<-release
	})
	r := run(t, t.Context(), o)
	if r.OK != 50 {
		t.Fatalf("%d answers of 50", r.OK)
	}
	// All are answered together after the last, due at 490 ms: the first one waited all that time, the middle one half of it.
	if r.Latency.Max < 490 || r.Latency.P50 < 240 {
		t.Errorf("max %v ms, p50 %v ms: want at least 490 and 240", r.Latency.Max, r.Latency.P50)
	}
}

func TestKindsOfErrors(t *testing.T) {
	statuses := []int{200, 503, 504, 500, 404, 302}
	var n atomic.Int64
	o := against(t, "constant:60/100ms", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(statuses[int(n.Add(1)-1)%len(statuses)])
	})
	r := run(t, t.Context(), o)
	want := map[summary.Kind]int64{"503": 1, "504": 1, "5xx": 2, "4xx": 1}
	if r.OK != 1 || len(r.Errors) != len(want) {
		t.Errorf("%d ok, errors %v, want 1 and %v", r.OK, r.Errors, want)
	}
	for kind, n := range want {
		if r.Errors[kind] != n {
			t.Errorf("%s: %d, want %d", kind, r.Errors[kind], n)
		}
	}
}

func TestBrokenAndUnreachable(t *testing.T) {
	o := against(t, "constant:20/100ms", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if r := run(t, t.Context(), o); r.Errors[summary.Broken] != 2 {
		t.Errorf("errors %v, want 2 broken", r.Errors)
	}
	o.Where.Client = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: errors.New("gone since it was found")}
	}}}
	if r := run(t, t.Context(), o); r.Errors[summary.Connect] != 2 {
		t.Errorf("errors %v, want 2 connect", r.Errors)
	}
}

func TestTimeoutAndMaxInFlight(t *testing.T) {
	o := against(t, "constant:100/100ms", func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // the server notices that a client is gone only once it has the body
		<-r.Context().Done()
	})
	o.MaxInFlight, o.Timeout = 3, 2*time.Second
	r := run(t, t.Context(), o)
	if r.Errors[summary.Timeout] != 3 || r.Errors[summary.Unsent] != 7 {
		t.Errorf("errors %v, want 3 time-outs and 7 unsent", r.Errors)
	}
}

func TestEndingEarlyKeepsWhatWasDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	o := against(t, "constant:100/1h", func(_ http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 5 {
			cancel()
		}
	})
	r := run(t, ctx, o)
	if r.OK < 4 || r.Seconds > 60 || !r.Early || r.OK+r.Errors[summary.Canceled] != r.Requests {
		t.Errorf("%d ok of %d in %v s, errors %v", r.OK, r.Requests, r.Seconds, r.Errors)
	}
}

func TestReplicasAndLabels(t *testing.T) {
	predict := func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"predictions":[{"synset":"n1"},{"synset":"n2"}]}`)
	}
	o := againstBoth(t, "constant:20/200ms", predict, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"replicas":[{"state":"ready"},{"state":"ejected"},{"state":"ready"}]}`)
	})
	if err := loadtest.Expect(o.Pictures, strings.NewReader("file,synset\na,n1\nb,n2\n")); err != nil {
		t.Fatal(err)
	}
	o.Desired = func(context.Context) (int, error) { return 3, nil }
	r := run(t, t.Context(), o)
	if len(r.Replicas) == 0 || r.Replicas[0] != (summary.Replicas{Second: 0, Ready: 2, Desired: 3}) {
		t.Errorf("replicas %v", r.Replicas)
	}
	if r.Labels == nil || *r.Labels != (summary.Labels{Checked: 4, Wrong: 2}) {
		t.Errorf("labels %+v, want 2 wrong of 4", r.Labels)
	}
	if r.URL != o.Where.Said.String() || time.Since(r.Started) > time.Minute {
		t.Errorf("the result is of %s at %v", r.URL, r.Started)
	}
}

// A cluster that cannot be asked costs the desired replicas, not the ready ones.
func TestDesiredUnknown(t *testing.T) {
	o := againstBoth(t, "constant:5/200ms", func(http.ResponseWriter, *http.Request) {}, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"replicas":[{"state":"ready"}]}`)
	})
	o.Desired = func(context.Context) (int, error) { return 0, errors.New("forbidden") }
	if r := run(t, t.Context(), o); len(r.Replicas) == 0 || r.Replicas[0] != (summary.Replicas{Ready: 1, Desired: -1}) {
		t.Errorf("replicas %v, want 1 ready and nothing known of desired ones", r.Replicas)
	}
}

func TestLoadPictures(t *testing.T) {
	dir := fstest.MapFS{
		"b.png": {Data: []byte("\x89PNG\r\n\x1a\n")}, "a.JPG": {Data: []byte("\xff\xd8\xff")},
		"c.tiff": {Data: []byte("II*\x00")}, "README.md": {Data: []byte("#")}, "labels.csv": {Data: []byte("file,synset")},
	}
	got, err := loadtest.LoadPictures(dir)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, p := range got {
		seen = append(seen, p.Name+" "+p.ContentType)
	}
	if want := "a.JPG image/jpeg, b.png image/png, c.tiff application/octet-stream"; strings.Join(seen, ", ") != want {
		t.Errorf("%q, want %q", seen, want)
	}
	for _, bad := range []string{"", "synset,file\n", "file,synset\nother.png,n1\n", "file,synset\na\n"} {
		if err := loadtest.Expect(got, strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "labels:") {
			t.Errorf("labels %q: %v", bad, err)
		}
	}
}

func TestOptionsNameTheFlag(t *testing.T) {
	valid := against(t, "constant:1/1s", func(http.ResponseWriter, *http.Request) {})
	for flag, breakIt := range map[string]func(*loadtest.Options){
		"--url":           func(o *loadtest.Options) { o.Where.Said = &url.URL{Path: "x"} },
		"--profile":       func(o *loadtest.Options) { o.Profile = pace.Profile{} },
		"--images":        func(o *loadtest.Options) { o.Pictures = nil },
		"--timeout":       func(o *loadtest.Options) { o.Timeout = 0 },
		"--max-in-flight": func(o *loadtest.Options) { o.MaxInFlight = 0 },
	} {
		o := valid
		breakIt(&o)
		if _, err := loadtest.New(o); err == nil || !strings.Contains(err.Error(), flag+" ") {
			t.Errorf("%s broken: %v", flag, err)
		}
	}
}
