package dispatcher

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
)

// releasingBody gives the credit back when the answer has been read, or given up.
type releasingBody struct {
	io.ReadCloser
	once    sync.Once
	release func()
}

func (b *releasingBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.release)
	return err
}

// maxKept bounds what is kept of an answer that may be replaced by another replica's.
const maxKept = 64 << 10

// keep reads a short answer, so that its connection and credit are free while it is decided whether to use it.
func keep(resp *http.Response) *http.Response {
	// What cannot be read is cut off: the status is what counts.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxKept))
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Del("Content-Length")
	return resp
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// problem maps why a request was not served to what its caller reads, and counts what was shed.
func (s *Service) problem(err error, timeout time.Duration) error {
	shed := func(reason string, p *api.Problem) error {
		s.metrics.shed.WithLabelValues(reason).Inc()
		return p
	}
	busy := func(kind, format string, args ...any) *api.Problem {
		p := api.NewProblem(http.StatusServiceUnavailable, kind, format, args...)
		p.RetryAfter = time.Second
		return p
	}
	switch {
	case errors.Is(err, errQueueFull):
		return shed(shedQueueFull, busy("queue-full", "%d requests wait already: try again in a moment", s.o.Queue))
	case errors.Is(err, errQueueTimeout):
		return shed(shedQueueTimeout, busy("queue-timeout", "no replica became free within %v: try again in a moment", s.o.QueueTimeout))
	case errors.Is(err, errHeldBytes):
		return shed(shedMemory, busy("memory", "the requests that wait hold %d bytes already: try again in a moment", s.o.MaxHeldBytes))
	case errors.Is(err, context.DeadlineExceeded):
		return shed(shedDeadline, api.NewProblem(http.StatusGatewayTimeout, "deadline", "no answer came within %v", timeout))
	}
	return err
}
