package dispatcher_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/testkit"
)

// abort ends the connection without an answer.
func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// hang answers when its caller has left.
func hang(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // a server notices that a caller leaves once it has read all that it sent
	<-r.Context().Done()
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url + api.PathMetrics)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func stateOf(t *testing.T, url string, e balance.Endpoint) api.ReplicaStatus {
	t.Helper()
	for _, r := range status(t, url).Replicas {
		if r.Name == e.Name {
			return r
		}
	}
	return api.ReplicaStatus{}
}

func TestAHangingReplicasRequestsGoElsewhere(t *testing.T) {
	bad, good := replica(t, hang), replica(t, echo)
	url := dispatch(t, func(o *dispatcher.Options) { o.AttemptTimeout = 50 * time.Millisecond }, bad, good)
	for range 6 { // each of the two is tried before anything is known of it
		if code, body := post(t, url, "picture"); code != http.StatusOK || body != "picture" {
			t.Fatalf("%d %s", code, body)
		}
	}
	if metrics := scrape(t, url); !strings.Contains(metrics, `dispatcher_retries_total{reason="slow"} 1`) {
		t.Errorf("want one request tried elsewhere, and then no more sent there:\n%s", grep(metrics, "retries"))
	}
}

func grep(text, part string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestFailingReplicasAreSetAside(t *testing.T) {
	halfway := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	}
	for name, fail := range map[string]http.HandlerFunc{
		"connection lost": abort, "half an answer": halfway,
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	} {
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			bad, good := replica(t, fail), replica(t, func(http.ResponseWriter, *http.Request) { <-gate })
			url := dispatch(t, unchanged, bad, good)
			stop := askOn(t, url)
			testkit.Eventually(t, "it is set aside", func() bool { return stateOf(t, url, bad).State == api.ReplicaEjected })
			if s := stateOf(t, url, good).State; s != api.ReplicaReady {
				t.Errorf("the other one is %s", s)
			}
			close(gate)
			stop()
		})
	}
}

// askOn keeps a few requests waiting, whatever becomes of them, until it is stopped.
func askOn(t *testing.T, url string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+api.PathPredict, strings.NewReader("x"))
				if err != nil {
					t.Error(err)
					return
				}
				if resp, err := http.DefaultClient.Do(req); err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		})
	}
	return func() { cancel(); asking.Wait() }
}

func TestOverloadSaysNothingAboutHealth(t *testing.T) {
	var refusals atomic.Int64
	full := replica(t, func(w http.ResponseWriter, _ *http.Request) {
		refusals.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	gate := make(chan struct{})
	url := dispatch(t, unchanged, full, replica(t, func(http.ResponseWriter, *http.Request) { <-gate }))
	stop := askOn(t, url)
	testkit.Eventually(t, "it has refused often", func() bool { return refusals.Load() >= 6 })
	if s := stateOf(t, url, full).State; s != api.ReplicaReady {
		t.Errorf("the full one is %s", s)
	}
	close(gate)
	stop()
}

// An ejected replica is asked whether it is well before a request is risked on it.
func TestAReplicaThatWasSetAsideIsAskedFirst(t *testing.T) {
	var well atomic.Bool
	var asked, risked atomic.Int64
	well.Store(true)
	bad := playedReplica(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == api.PathReadyz && !well.Load():
			asked.Add(1)
			panic(http.ErrAbortHandler)
		case r.URL.Path == api.PathPredict && !well.Load():
			risked.Add(1)
			panic(http.ErrAbortHandler)
		}
	})
	gate := make(chan struct{})
	url := dispatch(t, unchanged, bad, replica(t, func(http.ResponseWriter, *http.Request) { <-gate }))
	well.Store(false)
	stop := askOn(t, url)
	testkit.Eventually(t, "it is set aside", func() bool { return stateOf(t, url, bad).State == api.ReplicaEjected })
	asked.Store(0)
	before := risked.Load()
	testkit.Eventually(t, "it is asked, and asked again", func() bool { return asked.Load() >= 3 })
	if n := risked.Load() - before; n > 0 {
		t.Errorf("%d requests were risked on a replica that does not even say that it is ready", n)
	}
	close(gate)
	stop()
	well.Store(true)
	testkit.Eventually(t, "it comes back", func() bool { return stateOf(t, url, bad).State == api.ReplicaReady })
}

func TestARequestThatWouldComeTooLateIsRefusedAtOnce(t *testing.T) {
	release := make(chan struct{})
	slow := replica(t, func(http.ResponseWriter, *http.Request) { <-release }) // says that it does ten a second
	url := dispatch(t, func(o *dispatcher.Options) { o.QueueTimeout = 2 * time.Second }, slow)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer close(release)
	refused := make(chan *http.Response, 100)
	for range 60 {
		waiting.Go(func() {
			resp, err := http.Post(url+api.PathPredict, "image/jpeg", strings.NewReader("x"))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode == http.StatusServiceUnavailable {
				refused <- resp
			}
		})
	}
	resp := <-refused
	if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || after < 1 || after > 30 {
		t.Errorf("Retry-After %q, want 1 to 30 seconds", resp.Header.Get("Retry-After"))
	}
	testkit.Eventually(t, "more are refused than can wait two seconds", func() bool { return len(refused) >= 60-1-22 })
	if metrics := scrape(t, url); !strings.Contains(metrics, `dispatcher_shed_total{reason="overload"}`) {
		t.Errorf("shed:\n%s", grep(metrics, "shed"))
	}
}

func TestACallerThatLeavesTakesItsWorkAlong(t *testing.T) {
	started, ended := make(chan struct{}), make(chan struct{})
	url := dispatch(t, unchanged, replica(t, func(w http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		hang(w, r)
		ended <- struct{}{}
	}))
	ask := func() context.CancelFunc {
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+api.PathPredict, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
				t.Errorf("answered %d", resp.StatusCode)
			}
		}()
		return leave
	}
	leaveReplica := ask()
	<-started
	leaveQueue := ask()
	testkit.Eventually(t, "one waits", func() bool { return status(t, url).Queue.Length == 1 })
	leaveQueue()
	testkit.Eventually(t, "it has left the queue", func() bool { return status(t, url).Queue.Length == 0 })
	leaveReplica()
	<-ended
	testkit.Eventually(t, "all is given back", func() bool {
		s := status(t, url)
		return s.Replicas[0].InFlight == 0 && s.Queue.HeldBytes == 0
	})
	testkit.Eventually(t, "both are counted", func() bool { return strings.Contains(scrape(t, url), `dispatcher_requests_total{code="499"} 2`) })
}

func TestAFixedReplicaThatIsNotReadyGetsNothing(t *testing.T) {
	var drains atomic.Bool
	one := playedReplica(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.PathReadyz && drains.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	url := dispatch(t, unchanged, one)
	drains.Store(true)
	testkit.Eventually(t, "it drains", func() bool { return stateOf(t, url, one).State == api.ReplicaDraining })
	drains.Store(false)
	testkit.Eventually(t, "it is back", func() bool { return stateOf(t, url, one).State == api.ReplicaReady })
}

// from is a client with an address of its own.
func from(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestAFloodDoesNotStarveOthers(t *testing.T) {
	gate := make(chan struct{})
	var mu sync.Mutex
	var order []string
	url := dispatch(t, unchanged, replica(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		order = append(order, string(body))
		mu.Unlock()
		<-gate
	}))
	var asking sync.WaitGroup
	ask := func(client *http.Client, name string) {
		asking.Go(func() {
			resp, err := client.Post(url+api.PathPredict, "image/jpeg", strings.NewReader(name))
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		})
	}
	flood, other := from(t, "127.0.0.1"), from(t, "127.0.0.2")
	for range 40 {
		ask(flood, "flood")
	}
	testkit.Eventually(t, "the flood waits", func() bool { return status(t, url).Queue.Length == 39 })
	ask(other, "other")
	testkit.Eventually(t, "the other waits", func() bool { return status(t, url).Queue.Length == 40 })
	for range 41 {
		gate <- struct{}{}
	}
	asking.Wait()
	at := strings.Index(strings.Join(order, " "), "other") / len("flood ")
	if at < 0 || at > 15 {
		t.Errorf("the other client's request was number %d of 41", at)
	}
}

// A replica may answer before it has read the body, while the transport still sends it: its memory must not be another request's yet.
func TestBodiesAreNotMixedUp(t *testing.T) {
	var n atomic.Int64
	early := func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%3 == 0 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		echo(w, r)
	}
	url := dispatch(t, func(o *dispatcher.Options) { o.MaxBody, o.MaxHeldBytes = 1<<20, 1<<26 }, replica(t, early), replica(t, early), replica(t, early))
	var clients sync.WaitGroup
	for c := range 6 {
		clients.Go(func() {
			for i := range 50 {
				want := bytes.Repeat([]byte(fmt.Sprintf("%d-%d ", c, i)), 10_000)
				resp, err := http.Post(url+api.PathPredict, "image/jpeg", bytes.NewReader(want))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK && (err != nil || !bytes.Equal(got, want)) {
					t.Errorf("client %d request %d: another body came back (%v)", c, i, err)
				}
			}
		})
	}
	clients.Wait()
	testkit.Eventually(t, "nothing is held", func() bool { return status(t, url).Queue.HeldBytes == 0 })
}

// Forty callers that promise ten times the memory there is, and drip it, take it from nobody.
func TestPromisesHoldNoMemory(t *testing.T) {
	url := dispatch(t, func(o *dispatcher.Options) { o.MaxBody, o.MaxHeldBytes = 1<<20, 4<<20 }, replica(t, echo))
	address := strings.TrimPrefix(url, "http://")
	for range 40 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 1000000\r\n\r\ndrip", api.PathPredict)
	}
	testkit.Eventually(t, "each holds a little", func() bool { return status(t, url).Queue.HeldBytes == 40*16<<10 })
	body := strings.Repeat("x", 1<<20)
	if code, got := post(t, url, body); code != http.StatusOK || got != body {
		t.Errorf("answered %d, and %d bytes", code, len(got))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	release := make(chan struct{})
	url := dispatch(t, func(o *dispatcher.Options) { o.MaxBody, o.MaxHeldBytes = 1<<20, 2<<20 }, replica(t, func(http.ResponseWriter, *http.Request) { <-release }))
	var held sync.WaitGroup
	held.Go(func() { post(t, url, strings.Repeat("x", 1<<20)) })
	testkit.Eventually(t, "one is held", func() bool { return status(t, url).Queue.HeldBytes == 1<<20 })
	held.Go(func() { post(t, url, strings.Repeat("x", 600<<10)) })
	testkit.Eventually(t, "two are held", func() bool { return status(t, url).Queue.HeldBytes == 1<<20+600<<10 })
	if code, body := post(t, url, strings.Repeat("x", 1<<20)); code != http.StatusServiceUnavailable || !strings.Contains(body, "memory") {
		t.Errorf("%d %.200s, want a 503: there is no memory for it", code, body)
	}
	close(release)
	held.Wait()
	testkit.Eventually(t, "nothing is held", func() bool { return status(t, url).Queue.HeldBytes == 0 })
}
