package dispatcher

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"
)

const (
	// heartbeatEvery is how long a stream is silent at most.
	heartbeatEvery = 5 * time.Second
	// sendTimeout is how long a listener may take for what it is sent; then it is cut off.
	sendTimeout = 10 * time.Second
	// reconnectAfter is what listeners are told to wait for when the stream breaks off.
	reconnectAfter = "1000" // milliseconds
)

// events answers GET /events with a stream of server-sent events that ends with the caller, or with the service.
func (s *Service) events(w http.ResponseWriter, r *http.Request) {
	l, first, err := s.feed.join()
	if err != nil {
		httpserve.WriteError(w, r, listenProblem(err), s.o.Log)
		return
	}
	defer s.feed.leave(l)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx before us would collect it
	out := newStream(w, s.feed.over)
	defer out.close()
	for news := append([]byte("retry: "+reconnectAfter+"\n\n"), first...); ; news = s.feed.news(l) {
		if len(news) > 0 && !out.send(news) {
			return
		}
		if !awaitNews(r.Context(), s.feed, l, out) {
			return
		}
	}
}

// awaitNews waits until there is something new for the listener, and keeps the stream from being silent meanwhile; false at its end.
func awaitNews(ctx context.Context, f *feed, l *listener, out *stream) bool {
	heartbeat := time.NewTicker(heartbeatEvery)
	defer heartbeat.Stop()
	for {
		select {
		case <-l.wake:
			return true
		case <-heartbeat.C:
			if !out.send([]byte(":\n\n")) {
				return false
			}
		case <-ctx.Done():
			return false
		case <-f.over:
			return false
		}
	}
}

func listenProblem(err error) error {
	p := api.NewProblem(http.StatusServiceUnavailable, "too-many-listeners", "%d listen already, which is as many as may: try again later", maxListeners)
	p.RetryAfter = 10 * time.Second
	if errors.Is(err, errFeedOver) {
		p = api.NewProblem(http.StatusServiceUnavailable, "draining", "this dispatcher is about to stop: connect again, to another one")
		p.RetryAfter = time.Second
	}
	return p
}

// stream writes a long answer. The server's time-out for an answer is for short ones: here each write has its own. Where none can be set,
// as in a test, there is none to be lifted either.
type stream struct {
	w       io.Writer
	control *http.ResponseController
	over    <-chan struct{}
	done    chan struct{}
	watch   sync.WaitGroup
}

func newStream(w http.ResponseWriter, over <-chan struct{}) *stream {
	s := &stream{w: w, control: http.NewResponseController(w), over: over, done: make(chan struct{})}
	s.watch.Go(s.cutOff)
	return s
}

// cutOff ends a write that waits for a slow reader when the service ends.
func (s *stream) cutOff() {
	select {
	case <-s.over:
		_ = s.control.SetWriteDeadline(time.Now())
	case <-s.done:
	}
}

// send is false when the listener is gone, or too slow, or the service is about to end.
func (s *stream) send(b []byte) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(sendTimeout))
	if isClosed(s.over) {
		return false
	}
	_, err := s.w.Write(b)
	return err == nil && s.control.Flush() == nil
}

// close lets go of the answer, as whoever answers must before it returns.
func (s *stream) close() {
	close(s.done)
	s.watch.Wait()
}
