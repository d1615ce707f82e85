package modelserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/picture"
)

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
