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
	name   string
	retry  string // the reason that the metric counts; "": it is not tried elsewhere
	costly bool   // the replica may have worked for it, or died of it
	end    func(g *balance.Grant, now time.Time)
}

// The outcomes: what is tried again elsewhere, and what counts against the replica. Inference has no side effects, so a request may be sent
// twice; but once a byte of an answer has gone to the caller there is no second one.
//
//	                                                         again                      against the replica
//	answered: any status but the 5xx below                   no                         no
//	refused:  503, it is full, or it ends                    for the queue's time-out   no, but it is left alone for a moment
//	astray:   404, it has not the model that is named        twice                      no
//	late:     504, the caller's time was too short           no                         only if it took far longer than usual
//	failed:   500, 502 and others, but not 501               no                         yes
//	connect:  no connection to it                            until the deadline         yes
//	broken:   the connection ended before the answer began   twice, within the budget   yes
//	slow:     no answer within the attempt's time-out        twice, within the budget   yes
//	cut:      the answer broke off                           no                         yes
//	left:     the caller left, or its deadline passed        no                         only if it took far longer than usual
var (
	answered = outcome{name: "answered", end: (*balance.Grant).Answered}
	refused  = outcome{name: "refused", retry: retryOverloaded, end: (*balance.Grant).Full}
	failed   = outcome{name: "failed", end: (*balance.Grant).Failed}
	astray   = outcome{name: "astray", retry: retryModel, end: (*balance.Grant).Left}
	late     = outcome{name: "late", end: (*balance.Grant).Left}
	connect  = outcome{name: "connect", retry: retryConnect, end: (*balance.Grant).Failed}
	broken   = outcome{name: "broken", retry: retryBroken, costly: true, end: (*balance.Grant).Failed}
	slow     = outcome{name: "slow", retry: retrySlow, costly: true, end: (*balance.Grant).Failed}
	cut      = outcome{name: "cut", end: (*balance.Grant).Failed}
	left     = outcome{name: "left", end: (*balance.Grant).Left}
)

// mostCostly is how many replicas a request may cost: it may be the request that kills them.
const mostCostly = 3

// mostAstray is at how many replicas a request may ask for a model that they have not. Most say beforehand what they have: it is for those
// that came up just now, and for model servers of a release that did not say.
const mostAstray = 3

// again tells whether a request is tried once more. What costs the replicas nothing is paced by their pauses, and needs no budget.
func (s *Service) again(o outcome, f *flight, ctx context.Context) bool {
	switch {
	case ctx.Err() != nil:
		return false
	case o.costly:
		f.costly++
		return f.costly < mostCostly && s.queue.mayRetry()
	case o.retry == retryModel:
		f.astray++
		return f.astray < mostAstray && len(f.ticket.Avoid)+1 < s.queue.staying()
	case o.retry == retryOverloaded:
		return time.Since(f.ticket.Arrived) < s.o.QueueTimeout
	}
	return true
}

var errSlow = errors.New("no answer within the attempt's time-out")

// ofStatus judges an answer that has begun.
func ofStatus(code int) outcome {
	switch {
	case code == http.StatusServiceUnavailable:
		return refused
	case code == http.StatusGatewayTimeout:
		return late
	case code >= http.StatusInternalServerError && code != http.StatusNotImplemented:
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
