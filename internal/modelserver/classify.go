package modelserver

import (
	"context"
	"errors"
	"fmt"
	"image"
	"net/http"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/resnet"
)

// errLate: the deadline would pass before the work is done, or has.
var errLate = errors.New("the deadline would be missed")

type timing struct {
	queue, decode, preprocess, inference time.Duration
}

type answer struct {
	ranked []resnet.Ranked
	timing timing
}

// classify takes one encoded picture through decoding and inference, waiting for its turn at each. Errors: picture's, errLate,
// the context's cause, and inference's own.
func (s *Service) classify(ctx context.Context, data []byte, topK int) (answer, error) {
	var a answer
	img, err := s.decode(ctx, data, &a.timing)
	if err != nil {
		return a, err
	}
	waiting := time.Now()
	slot, release, err := s.gate.slot(ctx)
	if err != nil {
		return a, err
	}
	defer release()
	start := time.Now()
	a.timing.queue += start.Sub(waiting)
	if deadline, ok := ctx.Deadline(); ok && start.Add(time.Duration(s.inferenceTime.Load())).After(deadline) {
		return a, errLate
	}
	s.o.Spec.Input.Tensor(img, slot.Input())
	prepared := time.Now()
	a.timing.preprocess = prepared.Sub(start)
	logits, err := slot.Run()
	if err != nil {
		return a, err
	}
	a.timing.inference = time.Since(prepared)
	s.noteInference(a.timing.inference)
	a.ranked, err = resnet.Rank(logits, topK)
	return a, err
}

func (s *Service) decode(ctx context.Context, data []byte, t *timing) (image.Image, error) {
	waiting := time.Now()
	release, err := s.gate.decoder(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	start := time.Now()
	t.queue = start.Sub(waiting)
	img, err := picture.Decode(data, s.o.MaxPixels)
	t.decode = time.Since(start)
	return img, err
}

// problemFor maps what went wrong to the outcome that is counted and the answer that the caller reads.
func problemFor(err error, data []byte, timeout time.Duration) (outcome, error) {
	var problem *api.Problem
	var large *picture.TooLargeError
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusServiceUnavailable:
		return outcomeRejected, err
	case errors.As(err, &problem):
		return outcomeInvalid, err
	case errors.As(err, &large):
		return outcomeInvalid, api.NewProblem(http.StatusUnprocessableEntity, "too-many-pixels", "%v: scale it down before sending", large)
	case errors.Is(err, picture.ErrFormat):
		return outcomeInvalid, api.NewProblem(http.StatusBadRequest, "not-a-picture",
			"the body is %v: its %d bytes look like %s", picture.ErrFormat, len(data), http.DetectContentType(data))
	case errors.Is(err, picture.ErrCorrupt):
		return outcomeInvalid, api.NewProblem(http.StatusBadRequest, "bad-picture",
			"the body looks like %s but is %v; send the whole file", http.DetectContentType(data), err)
	case errors.Is(err, errLate), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return outcomeTimeout, api.NewProblem(http.StatusGatewayTimeout, "deadline",
			"the answer would not be ready within %v, so the work was not begun or not finished", timeout)
	default:
		return outcomeError, fmt.Errorf("classify: %w", err)
	}
}
