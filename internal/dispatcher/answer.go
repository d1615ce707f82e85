package dispatcher

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
)

// releasingBody gives the credit back when the answer has been read, or given up.
type releasingBody struct {
	io.ReadCloser
	caller context.Context
	ends   outcome // if it is read to its end
	once   sync.Once
	finish func(outcome)
}

func (b *releasingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.ends = cut
		if b.caller.Err() != nil {
			b.ends = left
		}
	}
	return n, err
}

func (b *releasingBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() { b.finish(b.ends) })
	return err
}

// copyBuffers are the memory through which answers go.
var copyBuffers bufferPool

type bufferPool struct{ pool sync.Pool }

const copyBufferSize = 16 << 10 // an answer is a few hundred bytes, some of /v2 more

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[copyBufferSize]byte); ok {
		return b[:]
	}
	return new([copyBufferSize]byte)[:]
}

func (p *bufferPool) Put(b []byte) { p.pool.Put((*[copyBufferSize]byte)(b)) }

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

// problem maps why a request was not served to what its caller reads, and counts what was shed.
func (s *Service) problem(err error, timeout time.Duration) error {
	shed := func(reason string, p *api.Problem) error {
		s.metrics.shed.WithLabelValues(reason).Inc()
		return p
	}
	busy := func(back time.Duration, kind, format string, args ...any) *api.Problem {
		p := api.NewProblem(http.StatusServiceUnavailable, kind, format, args...)
		p.RetryAfter = max(time.Second, back)
		return p
	}
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{}
	}
	switch {
	case errors.Is(err, errQueueFull):
		return shed(shedQueueFull, busy(r.back, "queue-full", "%d requests wait already: try again later", s.o.Queue))
	case errors.Is(err, errTooLate):
		return shed(shedOverload, busy(r.back, "overload", "it would have waited for %v, longer than it may: try again later", r.wait.Round(time.Millisecond)))
	case errors.Is(err, errQueueTimeout):
		return shed(shedQueueTimeout, busy(0, "queue-timeout", "no replica became free within %v: try again in a moment", s.o.QueueTimeout))
	case errors.Is(err, errHeldBytes):
		return shed(shedMemory, busy(0, "memory", "the requests that wait hold %d bytes already: try again in a moment", s.o.MaxHeldBytes))
	case errors.Is(err, context.DeadlineExceeded):
		return shed(shedDeadline, api.NewProblem(http.StatusGatewayTimeout, "deadline", "no answer came within %v", timeout))
	}
	return err
}
