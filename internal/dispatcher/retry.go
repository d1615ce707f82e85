package dispatcher

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"resnet-autoscaling/internal/balance"
)

// outcome is how one try at one replica went.
type outcome struct {
	name  string
	retry string // the reason that the metric counts; "": it is not tried elsewhere
	end   func(g *balance.Grant, now time.Time)
}

// The outcomes: what is tried again elsewhere, while the deadline and the retry budget allow, and what counts against the replica. Inference
// has no side effects, so a request may be sent twice; but once a byte of an answer has gone to the caller there is no second one.
//
//	                                                         again   against the replica
//	answered: any status but 503, 5xx                        no      no
//	refused:  503, it is full, or it ends                    yes     no, but it is left alone for a moment
//	failed:   another 5xx                                    no      yes
//	connect:  no connection to it                            yes     yes
//	broken:   the connection ended before the answer began   yes     yes
//	slow:     no answer within the attempt's time-out        yes     yes
//	cut:      the answer broke off                           no      yes
//	left:     the caller left, or its deadline passed        no      only if it took far longer than usual
var (
	answered = outcome{name: "answered", end: (*balance.Grant).Answered}
	refused  = outcome{name: "refused", retry: retryOverloaded, end: (*balance.Grant).Full}
	failed   = outcome{name: "failed", end: (*balance.Grant).Failed}
	connect  = outcome{name: "connect", retry: retryConnect, end: (*balance.Grant).Failed}
	broken   = outcome{name: "broken", retry: retryBroken, end: (*balance.Grant).Failed}
	slow     = outcome{name: "slow", retry: retrySlow, end: (*balance.Grant).Failed}
	cut      = outcome{name: "cut", end: (*balance.Grant).Failed}
	left     = outcome{name: "left", end: (*balance.Grant).Left}
)

var errSlow = errors.New("no answer within the attempt's time-out")

// ofStatus judges an answer that has begun.
func ofStatus(code int) outcome {
	switch {
	case code == http.StatusServiceUnavailable:
		return refused
	case code >= http.StatusInternalServerError:
		return failed
	}
	return answered
}

// ofError judges a try that got no answer: ctx is the try's, caller the request's.
func ofError(err error, ctx, caller context.Context) outcome {
	var op *net.OpError
	switch {
	case caller.Err() != nil:
		return left
	case errors.Is(context.Cause(ctx), errSlow):
		return slow
	case errors.As(err, &op) && op.Op == "dial":
		return connect
	}
	return broken
}
