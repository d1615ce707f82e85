package dispatcher

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/testkit"
)

func TestAStreamOutlivesTheServersTimeouts(t *testing.T) {
	f, _ := playedFeed(false)
	defer produce(t, f)()
	server := httptest.NewUnstartedServer(http.HandlerFunc((&Service{feed: f}).events))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for statuses := 0; statuses < 3; {
		if !lines.Scan() {
			t.Fatalf("the stream ended after %d statuses: %v", statuses, lines.Err())
		}
		if lines.Text() == "event: status" {
			statuses++
		}
	}
}

// notedAnswer notes what is written to it, and how long that might have taken. From some time on its connection is broken.
type notedAnswer struct {
	http.ResponseWriter
	testkit.Buffer
	patience atomic.Int64
	broken   time.Time
}

func (a *notedAnswer) Header() http.Header { return http.Header{} }
func (a *notedAnswer) Flush()              {}

func (a *notedAnswer) SetWriteDeadline(at time.Time) error {
	a.patience.Store(int64(time.Until(at)))
	return nil
}

func (a *notedAnswer) Write(b []byte) (int, error) {
	if time.Now().After(a.broken) {
		return 0, io.ErrClosedPipe
	}
	return a.Buffer.Write(b)
}

func TestAQuietStreamHasAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := playedFeed(true)
		defer produce(t, f)()
		answer, ended := &notedAnswer{broken: time.Now().Add(time.Minute + time.Second)}, make(chan struct{})
		go func() {
			defer close(ended)
			(&Service{feed: f}).events(answer, httptest.NewRequest(http.MethodGet, "/events", nil))
		}()
		synctest.Wait()
		if by := time.Duration(answer.patience.Load()); by != sendTimeout {
			t.Errorf("a listener may take %v for what it is sent, want %v", by, sendTimeout)
		}
		begin := len(answer.String())
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		if got, want := answer.String()[begin:], strings.Repeat(":\n\n", 12); got != want {
			t.Errorf("in a minute without news: %q, want %q", got, want)
		}
		<-ended // by the first write that fails
		if len(f.listeners) != 0 {
			t.Errorf("%d listeners are left", len(f.listeners))
		}
	})
}

func TestADrainingDispatcherSendsListenersElsewhere(t *testing.T) {
	f, _ := playedFeed(true)
	produce(t, f)()
	answer := httptest.NewRecorder()
	(&Service{feed: f}).events(answer, httptest.NewRequest(http.MethodGet, "/events", nil))
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "1" || !strings.Contains(answer.Body.String(), "draining") {
		t.Errorf("%d, Retry-After %q: %s", answer.Code, answer.Header().Get("Retry-After"), answer.Body)
	}
}
