package scaling

import "fmt"

// atZero is the decision while there is no replica, so that no pod tells of load: what is offered counts alone.
func (t Target) atZero(d Decision, offered Offered) Decision {
	switch {
	case t.Min > 0:
		d.Hold, d.Reason = HoldPaused, "somebody scaled to 0: paused until scaled up again"
	case offered.Err != nil:
		d.Hold, d.Reason = holdOf(offered.Err), fmt.Sprintf("offered: %v", offered.Err)
	case offered.Rate > 0:
		d.To, d.Recommended, d.Reason = 1, 1, fmt.Sprintf("%.3g/s are offered, and there is no replica", offered.Rate)
	default:
		d.Reason = "nothing is offered"
	}
	return d
}

// last is what the signals ask for, but for the last replica: idle pods still use some CPU, so it is neither asked for nor kept by
// the signals. It goes where zero is the autoscaler's own to use, and nothing is offered nor answered; else it stays.
func (t Target) last(v view, o Observation) (recommended int, reason string) {
	if v.recommended > 1 {
		return v.recommended, v.reason
	}
	if t.Min == 0 && v.unanswered && o.Offered.Err == nil && o.Offered.Rate == 0 {
		return 0, "nothing is offered; " + v.reason
	}
	return 1, v.reason
}
