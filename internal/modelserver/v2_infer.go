package modelserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/oip"
	"resnet-autoscaling/internal/picture"
)

// inferred is an inference request that was answered.
type inferred struct {
	model    *model // nil: it named none that is here
	answer   oip.Answer
	pictures int
	timing   timing
	parsing  time.Duration
	encoding time.Duration
}

// postInfer answers POST /v2/models/{name}/infer.
func (p protocol) postInfer(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	a, err := p.inferOne(w, r, arrived)
	took := time.Since(arrived)
	p.metrics.observe(stageTotal, took)
	p.count(a, took, err == nil)
	if err != nil {
		httpserve.WriteError(w, r, err, p.o.Log)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if a.answer.JSONLength >= 0 {
		h.Set("Content-Type", "application/octet-stream")
		h.Set(oip.HeaderLength, strconv.Itoa(a.answer.JSONLength))
	}
	h.Set("Server-Timing", serverTiming(a.timing))
	h.Set(api.HeaderImages, strconv.Itoa(a.pictures))
	p.capability().Set(h) // the load has changed since the request came
	writeCompressed(w, r, a.answer.Body)
}

// inferOne counts each request once, by how it ended.
func (p protocol) inferOne(w http.ResponseWriter, r *http.Request, arrived time.Time) (a inferred, err error) {
	var request oip.Request
	timeout := p.o.Timeout
	ended := outcomeOK
	defer func() {
		if err != nil {
			ended, err = problemOf(err, request.Pictures, timeout)
		}
		p.metrics.requests.WithLabelValues(string(ended)).Inc()
	}()

	if a.model, err = p.named(r); err != nil {
		return a, err
	}
	if timeout, err = api.Timeout(r.Header, p.o.Timeout); err != nil {
		return a, err
	}
	if request, a.parsing, err = p.read(w, r, a.model); err != nil {
		return a, err
	}
	if request.Timeout > 0 {
		timeout = min(timeout, request.Timeout)
	}
	ctx, cancel := context.WithDeadline(r.Context(), p.deadline(arrived, timeout))
	defer cancel()
	a.pictures = len(request.Pictures)
	logits, t, err := p.infer(ctx, a.model, sources(request.Pictures))
	if err != nil {
		return a, err
	}
	a.timing = t
	done := time.Now()
	if a.answer, err = a.model.protocol.Answer(request, logits); err != nil {
		return a, err
	}
	a.encoding = time.Since(done)
	p.metrics.images.Add(float64(a.pictures))
	p.observeStages(t)
	return a, nil
}

// read takes a request for a model, and says how long parsing it took.
func (p protocol) read(w http.ResponseWriter, r *http.Request, m *model) (request oip.Request, parsing time.Duration, err error) {
	body, err := readRequest(w, r, p.o.MaxBody)
	if err != nil {
		return request, 0, err
	}
	start := time.Now()
	request, err = m.protocol.Parse(r.Header.Values(oip.HeaderLength), body)
	return request, time.Since(start), err
}

func sources(pictures []oip.Picture) []source {
	s := make([]source, len(pictures))
	for i, p := range pictures {
		s[i] = source{encoded: p.Encoded, tensor: p.Tensor}
	}
	return s
}

// count keeps the model's statistics, which are of /v2 alone. What names no model is none's.
func (p protocol) count(a inferred, took time.Duration, ok bool) {
	m := a.model
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !ok {
		m.tally.Fail(took)
		return
	}
	m.tally.Success(oip.Executed{
		At: time.Now(), Pictures: a.pictures, Cache: p.lookup(a.timing), Total: took, Queue: a.timing.queue,
		Input: a.parsing + a.timing.decode + a.timing.preprocess, Infer: a.timing.inference, Output: a.encoding,
	})
}

// lookup is what the cache said to a request that took so long: what it knows takes no time at any stage.
func (p protocol) lookup(t timing) oip.Lookup {
	switch {
	case p.cache == nil:
		return oip.NotAsked
	case t == timing{}:
		return oip.Hit
	}
	return oip.Miss
}

// problemOf is problemFor, with the protocol's own mistakes and words that fit several pictures.
func problemOf(err error, pictures []oip.Picture, timeout time.Duration) (outcome, error) {
	var wrong *oip.Error
	if errors.As(err, &wrong) {
		if wrong.Unsupported {
			return outcomeInvalid, api.NewProblem(http.StatusNotImplemented, "unsupported", "%v", wrong)
		}
		return outcomeInvalid, api.NewProblem(http.StatusBadRequest, "bad-request", "%v", wrong)
	}
	if errors.Is(err, picture.ErrFormat) || errors.Is(err, picture.ErrCorrupt) {
		return outcomeInvalid, api.NewProblem(http.StatusBadRequest, "bad-picture", "%s %v", which(pictures, err), err)
	}
	return problemFor(err, nil, timeout)
}

// which names the picture that is no picture.
func which(pictures []oip.Picture, err error) string {
	index := 0
	if at := (*pictureError)(nil); errors.As(err, &at) {
		index = at.index
	}
	file := pictures[index].Encoded
	return fmt.Sprintf("picture %d of %d has %d bytes that look like %s, and is", index+1, len(pictures), len(file), http.DetectContentType(file))
}
