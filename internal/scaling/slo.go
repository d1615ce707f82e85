package scaling

import (
	"fmt"
	"strings"
	"time"
)

// SLO keeps requests within a latency with as few replicas as that takes. Nobody tells it what a replica is to be kept at: it knows what
// one can do, how long one takes to start and where the load is going, and staffs for the load expected when new ones will be up.
type SLO struct {
	Min, Max  int
	MaxWhy    string        // why Max is less than was asked for; "": it is not
	Latency   time.Duration // that 99 of 100 requests are to keep
	Interval  time.Duration // until it will be asked again
	UpSteps   []Step        // none: no limit
	DownSteps []Step
	// QueueTimeout is how long requests wait at most before they are given up; 0: for ever.
	QueueTimeout time.Duration
	Tuning       Tuning
}

// Tuning is how careful the policy is. DefaultTuning is for all loads.
type Tuning struct {
	Risk     float64 // share of requests that may be late by queueing, when it staffs
	RiskKept float64 // the same of the replicas that there are: below it, it does not pay to scale
	// Missed is how long, of each lead, forecasts may be too low in spite of their margin; MostMissed is the largest share of it.
	Missed     time.Duration
	MostMissed float64
	// MostSpared is the same, while the load does not rise, where a larger margin costs more than it is worth: than Worth times the
	// replicas, for none being late in place of all. It rises where its growth is Rising standard deviations of what it is by chance.
	MostSpared float64
	Worth      float64
	Rising     float64
	Errors     time.Duration // how long errors of forecasts count
	Again      time.Duration // replicas that may be needed again so soon are kept
	Calm       time.Duration // after growth, until it may shrink
	Settle     time.Duration // how long fewer replicas must have been enough before it shrinks
	Drain      time.Duration // in which a backlog is to be gone, once there are replicas for it
	Remember   time.Duration // what replicas have shown to do is believed for so long at least, before it fades
	Alarm      float64       // by how many standard deviations of chance a step must exceed the level to be a burst
}

// DefaultTuning is one configuration for every load; measured against other autoscalers by make bench-autoscaler. Of the 1 % that the
// SLO leaves, queueing may use a tenth: the rest is for what no forecast sees.
func DefaultTuning() Tuning {
	return Tuning{
		Risk: 0.0006, RiskKept: 0.02, Missed: 5 * time.Second, MostMissed: 0.2, MostSpared: 0.3, Worth: 0.5, Rising: 6,
		Errors: 30 * time.Minute, Again: 45 * time.Second, Calm: 150 * time.Second, Settle: 45 * time.Second, Drain: 5 * time.Second, Remember: 30 * time.Minute, Alarm: 4.5,
	}
}

// Memory is how long past decisions matter to it.
func (p SLO) Memory() time.Duration {
	longest := max(p.Tuning.Settle, p.Tuning.Calm)
	for _, s := range append(append([]Step{}, p.UpSteps...), p.DownSteps...) {
		longest = max(longest, s.Period)
	}
	return longest
}

// String names the policy and its settings.
func (p SLO) String() string {
	text := fmt.Sprintf("slo %d..%d, p99 below %v", p.Min, p.Max, p.Latency)
	if len(p.UpSteps) > 0 {
		text += ", up " + join(p.UpSteps)
	}
	if len(p.DownSteps) > 0 {
		text += ", down " + join(p.DownSteps)
	}
	return text
}

// Decide answers for one observation.
func (p SLO) Decide(past []Decision, o Observation, now time.Time) Decision {
	d := Decision{At: now, From: o.Replicas, To: o.Replicas, Recommended: o.Replicas, Belief: p.believed(past, now)}
	if o.Replicas == 0 && p.Min > 0 {
		d.Hold, d.Reason = HoldPaused, "somebody scaled to 0: paused until scaled up again"
		return d
	}
	if o.Replicas != 0 && (o.Replicas < p.Min || o.Replicas > p.Max) {
		d.To = min(max(o.Replicas, p.Min), p.Max)
		d.Recommended, d.Reason, d.Bound = d.To, limits(p.Min, p.Max, p.MaxWhy), RailLimits
		return d
	}
	r, err := p.reckon(past, o, now)
	if err != nil {
		if !p.wake(&d, o) {
			d.Hold, d.Reason = holdOf(err), err.Error()
		}
		return d
	}
	d.Reckoning, d.Recommended, d.Reason = &r.Reckoning, r.Replicas, r.String()
	d.Belief = r.belief
	if r.AtMost {
		d.AtMax = atMax(fmt.Sprintf("a load of %.3g rps", r.StaffFor), ceil(r.StaffFor/r.Capacity)+1, p.Max, p.MaxWhy)
		d.Reason += "; " + d.AtMax
	}
	switch {
	case d.Recommended > d.From:
		p.grow(&d, r, past, o, now)
	case d.Recommended < d.From:
		p.shrink(&d, r, past, o, now)
	}
	return d
}

// wake starts a first replica where there is none, so that none has measured what it can do; false: that is not so.
func (p SLO) wake(d *Decision, o Observation) bool {
	rates, err := o.Demand.usable(o.Demand.Step)
	if o.Replicas > 0 || err != nil {
		return false
	}
	if d.Reason = "nothing is offered"; rates[len(rates)-1] > 0 || o.Demand.Waiting > 0 {
		d.To, d.Recommended, d.Reason = 1, 1, fmt.Sprintf("%.3g rps are offered, and there is no replica", rates[len(rates)-1])
	}
	return true
}

// grow takes more replicas at once, where those that there are would not do nearly as well.
func (p SLO) grow(d *Decision, r reckoned, past []Decision, o Observation, now time.Time) {
	if stuck := stuckPods(o.Pods, r.StartTime, now); stuck > 0 {
		d.Hold, d.Recommended = HoldFull, d.From
		d.Reason += fmt.Sprintf("; %d wanted, but %d pods do not get ready: the cluster may be full", r.Replicas, stuck)
		return
	}
	if r.station.bear(d.From, r.StaffFor, p.Tuning.RiskKept) {
		d.Reason += fmt.Sprintf("; %d will do", d.From)
		return
	}
	d.To = d.Recommended
	if len(p.UpSteps) == 0 {
		return
	}
	if most := highest(p.UpSteps, d.From, past, now); d.To > most {
		d.To, d.Bound = most, RailUpPolicy
		d.Reason += fmt.Sprintf("; %d wanted, at most %s up", d.Recommended, join(p.UpSteps))
	}
}

// shrink gives up replicas that will not be needed again soon, and only by what is known for certain.
func (p SLO) shrink(d *Decision, r reckoned, past []Decision, o Observation, now time.Time) {
	switch {
	case o.Demand.Partial:
		d.Hold, d.Recommended = HoldPartial, d.From
		d.Reason += "; not down, since part of the load is not seen"
		return
	case o.RollingOut:
		d.Hold, d.Recommended = HoldRollout, d.From
		d.Reason += "; not down during a roll-out"
		return
	}
	if grewSince(past, now.Add(-p.Tuning.Calm)) {
		d.Bound = RailDownWindow
		d.Reason += fmt.Sprintf("; %d wanted, down only when the last growth is %s ago", d.Recommended, short(p.Tuning.Calm))
		return
	}
	enough := max(d.Recommended, p.staffAgain(r))
	if enough >= d.From {
		d.Bound = RailDownWindow
		d.Reason += fmt.Sprintf("; %d wanted, but more may be needed again within %s", d.Recommended, short(p.Tuning.Again))
		return
	}
	d.To = min(settled(enough, past, now.Add(-p.Tuning.Settle)), d.From)
	if d.To > enough {
		d.Bound = RailDownWindow
		d.Reason += fmt.Sprintf("; %d wanted, down only when that has held for %s", enough, short(p.Tuning.Settle))
	}
	if len(p.DownSteps) == 0 {
		return
	}
	if least := lowest(p.DownSteps, d.From, past, now); d.To < least {
		d.To, d.Bound = least, RailDownPolicy
		d.Reason += fmt.Sprintf("; %d wanted, at most %s down", enough, join(p.DownSteps))
	}
}

// settled is the most that was wanted since a time; what was only expected, and has not come, does not count.
func settled(enough int, past []Decision, since time.Time) int {
	for i := len(past) - 1; i >= 0 && past[i].At.After(since); i-- {
		if !past[i].expected() {
			enough = max(enough, past[i].Recommended)
		}
	}
	return enough
}

// grewSince tells whether replicas were added at a time or later, other than for what was only expected.
func grewSince(past []Decision, since time.Time) bool {
	for i := len(past) - 1; i >= 0 && !past[i].At.Before(since); i-- {
		if past[i].Applied && past[i].To > past[i].From && !past[i].expected() {
			return true
		}
	}
	return false
}

// expected tells whether a decision was for a load that had come at this time before, and had not come yet.
func (d Decision) expected() bool { return d.Reckoning != nil && d.Reckoning.Recurring > 0 }

// patient is how many times the usual start a pod may take before it counts as stuck.
const patient = 3

// stuckPods are those that cannot be scheduled, or take far longer than usual to get ready.
func stuckPods(pods []Pod, usual time.Duration, now time.Time) int {
	stuck := 0
	for _, p := range pods {
		since := later(later(p.Since, p.Started), p.Created)
		if !p.Ready && !since.IsZero() && now.Sub(since) > max(patient*usual, shortestPatience) {
			stuck++
		}
	}
	return stuck
}

// shortestPatience allows for an image to be pulled once.
const shortestPatience = 30 * time.Second

// String is what was reckoned, as one sentence.
func (r Reckoning) String() string {
	growth := ""
	if g := r.Growth; g >= 0.05 {
		growth = fmt.Sprintf(" growing %.2g rps/s", g)
	} else if g <= -0.05 {
		growth = fmt.Sprintf(" falling %.2g rps/s", -g)
	}
	word := "offered"
	if r.Blind {
		word = "served"
	}
	stated := ""
	if r.Capacity < 0.99*r.Stated {
		stated = fmt.Sprintf(" (stated: %.3g, but it answered less when many waited)", r.Stated)
	}
	text := fmt.Sprintf("%s %.3g rps%s, %.3g rps per replica%s, pods take %.0f s: staff for %.3g rps",
		word, r.Load, growth, r.Capacity, stated, r.StartTime.Seconds(), r.StaffFor)
	var why []string
	if r.Burst {
		why = append(why, "a burst")
	}
	if r.Recurring > 0 {
		why = append(why, "it grew at this time before")
	}
	if r.Backlog > 0 {
		why = append(why, fmt.Sprintf("a backlog of %.0f", r.Backlog))
	}
	if r.Saturated {
		why = append(why, "replicas answer all they can, and what is shed is not seen")
	}
	if r.Hopeless {
		why = append(why, fmt.Sprintf("a request alone takes %.0f ms, so the SLO cannot be kept", 1000*r.Service.Seconds()))
	}
	if len(why) > 0 {
		text += " (" + strings.Join(why, "; ") + ")"
	}
	return text
}
