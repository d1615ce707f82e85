package httpserve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"resnet-autoscaling/internal/api"
)

// How long, and how much beyond the limit, ReadOn listens to a caller whose request has been refused.
const (
	readOnTime  = 2 * time.Second
	readOnBytes = 64 << 20
)

// How much memory a caller gets at once: what a header promises costs nothing, and one that drips its body costs little.
const (
	unproven = 16 << 10  // before it has sent that much
	usual    = 256 << 10 // then, if it says that it sends that much
)

// ReadBody reads a request's whole body, at most limit bytes. Errors are *api.Problem: 413 too large, 408 too slow, 400 cut short.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	return ReadBodyInto(w, r, nil, limit)
}

// ReadBodyInto is ReadBody in the memory of buffer, where that is enough; what it holds is lost.
func ReadBodyInto(w http.ResponseWriter, r *http.Request, buffer []byte, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		ReadOn(w, r)
		return nil, tooLarge(limit)
	}
	body := slices.Grow(buffer[:0], int(min(max(r.ContentLength, 512), unproven))+1)
	for limited := io.LimitReader(r.Body, limit+1); ; {
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			ReadOn(w, r)
			return nil, tooLarge(limit)
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, BodyProblem(err)
		case len(body) == cap(body):
			body = slices.Grow(body, max(len(body), int(min(r.ContentLength+1, usual))-len(body)))
		}
	}
}

// BodyProblem tells a caller why its body could not be read.
func BodyProblem(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return api.NewProblem(http.StatusRequestTimeout, "slow-body", "the body did not arrive within %v: send it faster or smaller", bodyTimeout)
	}
	return api.NewProblem(http.StatusBadRequest, "bad-body", "the body ended early: %v", err)
}

func tooLarge(limit int64) error {
	return api.NewProblem(http.StatusRequestEntityTooLarge, "too-large",
		"the body is larger than the %s allowed: send a smaller or more compressed picture", sizeText(limit))
}

func sizeText(bytes int64) string {
	if bytes >= 1<<20 && bytes%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// ReadOn takes and drops what a refused caller still sends, within bounds: a client that is cut off in the middle of sending sees a
// broken connection instead of the answer. A connection that does not get to the end of its request closes with the answer. A client
// that waits for "100 Continue" is not sending yet, and HTTP/2 stops one request without its connection.
func ReadOn(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor > 1 {
		return
	}
	if r.Header.Get("Expect") == "" {
		// Where the deadline cannot be set, the server's own body time-out still bounds the read.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readOnTime))
		if _, err := io.CopyN(io.Discard, r.Body, readOnBytes); errors.Is(err, io.EOF) {
			return
		}
	}
	w.Header().Set("Connection", "close")
}
