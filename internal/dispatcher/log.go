package dispatcher

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/httpserve"

	"github.com/go-chi/chi/v5/middleware"
	"golang.org/x/time/rate"
)

// What is logged whatever the sample: failures and requests that took this long, but no more lines a second than a person could read,
// so that a fault does not bury its cause.
const (
	slowRequest  = time.Second
	notableRate  = 10 // lines a second
	notableBurst = 50
)

// maxLoggedPath is where a path is cut off: callers choose its length.
const maxLoggedPath = 200

// accessLog writes a line a request. Its methods may be called from any goroutine.
type accessLog struct {
	log      *slog.Logger
	sample   float64 // the share of requests that get a line
	notable  *rate.Limiter
	unlogged atomic.Int64 // notable ones that had no room, since the last line that told
}

func newAccessLog(log *slog.Logger, sample float64) *accessLog {
	return &accessLog{log: log, sample: sample, notable: rate.NewLimiter(notableRate, notableBurst)}
}

// middleware gives each request a trip, and tells of it when it has ended.
func (a *accessLog) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := exchange{start: time.Now(), body: &countingBody{ReadCloser: r.Body}, answer: middleware.NewWrapResponseWriter(w, r.ProtoMajor)}
		r = r.WithContext(withTrip(r.Context(), &e.trip))
		r.Body, e.request = e.body, r
		defer func() { a.note(&e) }() // also of an answer that is cut off by a panic
		next.ServeHTTP(e.answer, r)
		e.complete = true
	})
}

// exchange is a request and its answer.
type exchange struct {
	trip     trip
	start    time.Time
	request  *http.Request
	body     *countingBody
	answer   middleware.WrapResponseWriter
	complete bool // the answer was not cut off
}

func (a *accessLog) note(e *exchange) {
	took := time.Since(e.start)
	if rand.Float64() < a.sample {
		a.write(e, took)
		return
	}
	stream := strings.HasPrefix(e.answer.Header().Get("Content-Type"), "text/event-stream") // its length is its reader's wish
	if e.status() < http.StatusInternalServerError && e.complete && (took < slowRequest || stream) {
		return
	}
	if !a.notable.Allow() {
		a.unlogged.Add(1)
		return
	}
	a.write(e, took)
}

func (a *accessLog) write(e *exchange, took time.Duration) {
	r := e.request
	attrs := []slog.Attr{
		slog.String("request", httpserve.RequestID(r)),
		slog.String("trace", traceID(r.Header)),
		slog.String("client", clientOf(r)),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path[:min(len(r.URL.Path), maxLoggedPath)]),
		slog.Int("status", e.status()),
		slog.Bool("complete", e.complete),
		slog.Int64("bytes_in", e.body.n),
		slog.Int("bytes_out", e.answer.BytesWritten()),
		slog.Float64("took_ms", milliseconds(took)),
		slog.Float64("queued_ms", milliseconds(e.trip.queued)),
		slog.String("replica", e.trip.replica),
		slog.Int("retries", max(0, e.trip.tries-1)),
	}
	if n := a.unlogged.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64("unlogged", n))
	}
	a.log.LogAttrs(context.WithoutCancel(r.Context()), slog.LevelInfo, "request", attrs...)
}

// status is what the metrics say of it too.
func (e *exchange) status() int {
	switch status := e.answer.Status(); {
	case status != 0:
		return status
	case e.request.Context().Err() != nil:
		return codeGone
	}
	return http.StatusOK
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// countingBody counts what was read of a request.
type countingBody struct {
	io.ReadCloser
	n int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// traceID is the trace that a W3C traceparent header, version-trace-parent-flags, names; "" where it names none.
func traceID(h http.Header) string {
	fields := strings.Split(h.Get("Traceparent"), "-")
	if len(fields) < 4 || len(fields[0]) != 2 || len(fields[1]) != 32 || strings.Trim(fields[1], "0") == "" {
		return ""
	}
	if strings.ContainsFunc(fields[1], func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') }) {
		return ""
	}
	return fields[1]
}
