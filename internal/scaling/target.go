package scaling

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Target keeps each signal's mean per pod at its target, by the Kubernetes HPA v2 rule in full; of several signals, and of what is offered
// where a dispatcher counts it, the one that asks for most replicas wins. It is stricter than the HPA in one thing: what it cannot see never
// scales down.
type Target struct {
	Min, Max   int
	MaxWhy     string  // why Max is less than was asked for; "": it is not
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
	return fmt.Sprintf("target %d..%d, tolerance %.3g%%, up %s after %v, down %s after %v",
		t.Min, t.Max, 100*t.Tolerance, join(t.UpSteps), t.UpWindow, join(t.DownSteps), t.DownWindow)
}

// Decide is the HPA's tick.
func (t Target) Decide(past []Decision, o Observation, now time.Time) Decision {
	d := Decision{At: now, From: o.Replicas, To: o.Replicas, Recommended: o.Replicas}
	if o.Replicas == 0 {
		return t.atZero(d, o.Offered)
	}
	if o.Replicas < t.Min || o.Replicas > t.Max {
		d.To = min(max(o.Replicas, t.Min), t.Max)
		d.Recommended, d.Reason, d.Bound = d.To, limits(t.Min, t.Max, t.MaxWhy), RailLimits
		return d
	}
	v := t.view(o, now)
	if v.measured == 0 {
		d.Hold, d.Reason = holdOf(v.cause), strings.Join(v.faults, "; ")
		return d
	}
	d.Recommended, d.Reason = t.last(v, o)
	if d.Recommended > t.Max {
		d.AtMax = atMax("the load", d.Recommended, t.Max, t.MaxWhy)
	}
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
	switch {
	case d.To > d.Recommended:
		d.Bound = RailDownWindow
		d.Reason += fmt.Sprintf("; %d wanted, down only when that has held for %s", d.Recommended, short(t.DownWindow))
	case d.To < d.Recommended:
		d.Bound = RailUpWindow
		d.Reason += fmt.Sprintf("; %d wanted, up only when that has held for %s", d.Recommended, short(t.UpWindow))
	}
	d.To = t.limit(d, past, now)
}

// limit keeps the move within the steps and the bounds, and says so.
func (t Target) limit(d *Decision, past []Decision, now time.Time) int {
	least, most := t.Min, t.Max
	why, rail := limits(t.Min, t.Max, t.MaxWhy), RailLimits
	if d.To > d.From && len(t.UpSteps) > 0 {
		if h := highest(t.UpSteps, d.From, past, now); h < most {
			most, why, rail = h, fmt.Sprintf("at most %s up", join(t.UpSteps)), RailUpPolicy
		}
	}
	if d.To < d.From && len(t.DownSteps) > 0 {
		if l := lowest(t.DownSteps, d.From, past, now); l > least {
			least, why, rail = l, fmt.Sprintf("at most %s down", join(t.DownSteps)), RailDownPolicy
		}
	}
	to := min(max(d.To, least), most)
	if to != d.To {
		d.Bound = rail
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
	unanswered  bool     // no pod answers any request, and every pod says so
	faults      []string // what is missing, in words
	cause       error    // of the first signal that could not be used
}

// view asks each signal, and what is offered. The largest answer wins.
func (t Target) view(o Observation, now time.Time) view {
	v := view{recommended: -1}
	var reasons []string
	add := func(p proposal, reason string) {
		reasons = append(reasons, reason)
		if p.desired > v.recommended {
			v.recommended = p.desired
			// What decides is told first.
			reasons[0], reasons[len(reasons)-1] = reasons[len(reasons)-1], reasons[0]
		}
	}
	for _, s := range o.Signals {
		c, err := s.census(o.Pods, now)
		if err != nil {
			v.faults = append(v.faults, fmt.Sprintf("%s: %v", s.Name, err))
			if v.cause == nil {
				v.cause = err
			}
			continue
		}
		if c.missing > 0 {
			v.faults = append(v.faults, fmt.Sprintf("%s: %d of %d pods missing", s.Name, c.missing, len(o.Pods)))
		}
		v.measured++
		v.unanswered = v.unanswered || !s.CPU && c.missing == 0 && c.sum() == 0
		p := c.propose(o.Replicas, s.Target, t.Tolerance)
		add(p, s.describe(c, p))
	}
	if p, reason := t.offered(o); v.measured > 0 && p.desired > v.recommended {
		add(p, reason)
	}
	v.reason = strings.Join(reasons, "; ")
	return v
}

// offered is what the load asks for that the dispatchers count, whatever becomes of it; nothing where it is not known. It is not a signal
// but the truth behind one: pods that are starved, or too few, answer little and use little, and what is held back and refused before them
// does not show in them. So it may ask for more than they do, and never for less.
func (t Target) offered(o Observation) (p proposal, reason string) {
	for _, s := range o.Signals {
		if s.CPU || !s.hasTarget() || o.Offered.Err != nil || !(o.Offered.Rate > 0) || math.IsInf(o.Offered.Rate, 0) {
			continue
		}
		target, why := s.Target, ""
		if limit := s.Mean(o.Pods); o.Offered.Shed > t.Tolerance*o.Offered.Rate && limit < target {
			target = max(limit, leastShown*target)
			why = fmt.Sprintf(", %.3g/s of it refused though a replica gets only %.3g/s, so that it counts for %.3g/s", o.Offered.Shed, limit, target)
		}
		p = o.Offered.propose(o.Replicas, target, t.Tolerance)
		reason = fmt.Sprintf("offered %.3g/s, %.3g/s per replica, target %.3g/s%s (%.3g×)", o.Offered.Rate, o.Offered.Rate/float64(o.Replicas), s.Target, why, p.ratio)
	}
	return p, reason
}

// leastShown is how much of its target a replica counts for at least, whatever it shows: one that stands still for a while is no reason to ask
// for any number of them.
const leastShown = 0.25

// census takes stock of the pods, if the signal can be used at all.
func (s Signal) census(pods []Pod, now time.Time) (census, error) {
	if s.Err != nil {
		return census{}, s.Err
	}
	if !s.hasTarget() {
		return census{}, fmt.Errorf("%w: its target is %v", ErrInvalid, s.Target)
	}
	for pod, sample := range s.Samples {
		if !(sample.Value >= 0) || math.IsInf(sample.Value, 0) {
			return census{}, fmt.Errorf("%w: %s has %v", ErrInvalid, pod, sample.Value)
		}
	}
	c := takeCensus(pods, s, now)
	if len(c.values) == 0 {
		return census{}, fmt.Errorf("%w of any of %d pods", ErrNoData, len(pods))
	}
	return c, nil
}

func (s Signal) hasTarget() bool { return s.Target > 0 && !math.IsInf(s.Target, 0) }

// describe says what was seen, in the signal's units.
func (s Signal) describe(c census, p proposal) string {
	mean := c.sum() / float64(len(c.values))
	ratio := fmt.Sprintf("%.3g×", p.ratio)
	if p.unseen > 0 {
		ratio += fmt.Sprintf(", %.3g× with the %d not measured", p.assumed, p.unseen)
	}
	if s.CPU {
		return fmt.Sprintf("%s %.0f%% of the request, target %.0f%% (%s)", s.Name, 100*mean, 100*s.Target, ratio)
	}
	return fmt.Sprintf("%s %.3g/s per replica, target %.3g/s (%s)", s.Name, mean, s.Target, ratio)
}

// holdOf is the reason to do nothing when that is all that is known.
func holdOf(err error) Hold {
	for _, kind := range []struct {
		err  error
		hold Hold
	}{{ErrFailed, HoldFailed}, {ErrStale, HoldStale}, {ErrInvalid, HoldInvalid}} {
		if errors.Is(err, kind.err) {
			return kind.hold
		}
	}
	return HoldNoData
}
