package scaling

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Target keeps each signal's mean per pod at its target, by the Kubernetes HPA v2 rule in full; of several signals the one that asks
// for most replicas wins. It is stricter than the HPA in one thing: what it cannot see never scales down.
type Target struct {
	Min, Max   int
	Tolerance  float64 // 0.1: within 10 % of the target nothing changes
	UpWindow   time.Duration
	DownWindow time.Duration
	UpSteps    []Step // none: no limit
	DownSteps  []Step
}

// Memory is the longest window or period.
func (t Target) Memory() time.Duration {
	longest := max(t.UpWindow, t.DownWindow)
	for _, s := range append(append([]Step{}, t.UpSteps...), t.DownSteps...) {
		longest = max(longest, s.Period)
	}
	return longest
}

// String names the policy and its settings.
func (t Target) String() string {
	return fmt.Sprintf("target %d..%d, tolerance %.0f%%, windows up %v, down %v, steps up %v, down %v",
		t.Min, t.Max, 100*t.Tolerance, t.UpWindow, t.DownWindow, t.UpSteps, t.DownSteps)
}

// Decide is the HPA's tick.
func (t Target) Decide(past []Decision, o Observation, now time.Time) Decision {
	d := Decision{At: now, From: o.Replicas, To: o.Replicas, Recommended: o.Replicas}
	if o.Replicas == 0 && t.Min > 0 {
		d.Hold, d.Reason = HoldPaused, "somebody scaled to 0: paused until scaled up again"
		return d
	}
	if o.Replicas < t.Min || o.Replicas > t.Max {
		d.To = min(max(o.Replicas, t.Min), t.Max)
		d.Recommended, d.Reason = d.To, fmt.Sprintf("the limits are %d to %d", t.Min, t.Max)
		return d
	}
	v := t.view(o, now)
	if v.measured == 0 {
		d.Hold, d.Reason = v.hold(), strings.Join(v.faults, "; ")
		return d
	}
	d.Recommended, d.Reason = v.recommended, v.reason
	t.settle(&d, v, o, past, now)
	return d
}

// settle turns what the signals ask for into what may happen now.
func (t Target) settle(d *Decision, v view, o Observation, past []Decision, now time.Time) {
	if d.Recommended < d.From && (o.RollingOut || len(v.faults) > 0) {
		d.Hold, d.Recommended = HoldRollout, d.From
		if len(v.faults) > 0 {
			d.Hold = HoldPartial
			d.Reason += "; not down, since " + strings.Join(v.faults, "; ")
		} else {
			d.Reason += "; not down during a roll-out"
		}
	}
	d.To = stabilize(d.Recommended, d.From, past, now, t.UpWindow, t.DownWindow)
	if d.To != d.Recommended && d.To >= d.From && d.Recommended < d.From {
		d.Reason += fmt.Sprintf("; down only when that has held for %v", t.DownWindow)
	}
	d.To = t.limit(d, past, now)
}

// limit keeps the move within the steps and the bounds, and says so.
func (t Target) limit(d *Decision, past []Decision, now time.Time) int {
	least, most := t.Min, t.Max
	why := fmt.Sprintf("the limits are %d to %d", t.Min, t.Max)
	if d.To > d.From && len(t.UpSteps) > 0 {
		if h := highest(t.UpSteps, d.From, past, now); h < most {
			most, why = h, fmt.Sprintf("at most %s up", join(t.UpSteps))
		}
	}
	if d.To < d.From && len(t.DownSteps) > 0 {
		if l := lowest(t.DownSteps, d.From, past, now); l > least {
			least, why = l, fmt.Sprintf("at most %s down", join(t.DownSteps))
		}
	}
	to := min(max(d.To, least), most)
	if to != d.To {
		d.Reason += fmt.Sprintf("; %d wanted, %s", d.To, why)
	}
	return to
}

func join(steps []Step) string {
	texts := make([]string, len(steps))
	for i, s := range steps {
		texts[i] = s.String()
	}
	return strings.Join(texts, " or ")
}

// view is what the signals say together.
type view struct {
	recommended int
	reason      string
	measured    int      // signals that could be used
	faults      []string // what is missing, in words
	cause       error    // of the first signal that could not be used
}

// view asks each signal. The largest answer wins.
func (t Target) view(o Observation, now time.Time) view {
	v := view{recommended: -1}
	var reasons []string
	for _, s := range o.Signals {
		desired, reason, err := t.ask(&v, s, o, now)
		if err != nil {
			v.faults = append(v.faults, fmt.Sprintf("%s: %v", s.Name, err))
			if v.cause == nil {
				v.cause = err
			}
			continue
		}
		v.measured++
		reasons = append(reasons, reason)
		if desired > v.recommended {
			v.recommended = desired
			// The signal that decides is told first.
			reasons[0], reasons[len(reasons)-1] = reasons[len(reasons)-1], reasons[0]
		}
	}
	v.reason = strings.Join(reasons, "; ")
	return v
}

func (t Target) ask(v *view, s Signal, o Observation, now time.Time) (desired int, reason string, err error) {
	if s.Err != nil {
		return 0, "", s.Err
	}
	if !(s.Target > 0) || math.IsInf(s.Target, 0) {
		return 0, "", fmt.Errorf("%w: its target is %v", ErrInvalid, s.Target)
	}
	for pod, sample := range s.Samples {
		if !(sample.Value >= 0) || math.IsInf(sample.Value, 0) {
			return 0, "", fmt.Errorf("%w: %s has %v", ErrInvalid, pod, sample.Value)
		}
	}
	c := takeCensus(o.Pods, s, now)
	if len(c.values) == 0 {
		return 0, "", fmt.Errorf("%w of any of %d pods", ErrNoData, len(o.Pods))
	}
	if !c.complete() {
		v.faults = append(v.faults, fmt.Sprintf("%s: %d of %d pods missing", s.Name, c.missing, len(o.Pods)))
	}
	desired, ratio := c.recommend(o.Replicas, s.Target, t.Tolerance)
	return desired, s.describe(c.sum()/float64(len(c.values)), ratio), nil
}

// describe says what was seen, in the signal's units.
func (s Signal) describe(mean, ratio float64) string {
	if s.CPU {
		return fmt.Sprintf("%s %.0f%% of the request, target %.0f%% (%.2f×)", s.Name, 100*mean, 100*s.Target, ratio)
	}
	return fmt.Sprintf("%s %.3g/s per replica, target %.3g/s (%.2f×)", s.Name, mean, s.Target, ratio)
}

// hold is the reason to do nothing when no signal could be used.
func (v view) hold() Hold {
	for _, kind := range []struct {
		err  error
		hold Hold
	}{{ErrFailed, HoldFailed}, {ErrStale, HoldStale}, {ErrInvalid, HoldInvalid}} {
		if errors.Is(v.cause, kind.err) {
			return kind.hold
		}
	}
	return HoldNoData
}
