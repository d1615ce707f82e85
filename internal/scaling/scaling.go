// Package scaling decides how many replicas there should be. A policy is a value with one question: from what was decided before,
// one observation and the time, how many, and why? It touches nothing: the live loop, a test and a simulation ask the same code.
package scaling

import (
	"errors"
	"fmt"
	"time"
)

// What a signal may lack. An observer wraps one of these; a policy acts on none of them as if it were a zero.
var (
	ErrNoData  = errors.New("no data")
	ErrStale   = errors.New("stale")
	ErrInvalid = errors.New("not a number that can be")
	ErrFailed  = errors.New("could not be asked")
)

// Pod is one replica of the Deployment that has not ended and is not being deleted.
type Pod struct {
	Name    string
	Pending bool      // not started yet: not scheduled, or its container does not run
	Ready   bool      // takes requests
	Since   time.Time // when Ready last became what it is; zero: unknown
	Started time.Time // when it started; zero: it has not
	Created time.Time // when it was asked for; zero: not known
}

// Sample is one pod's value of a signal, and when it was measured.
type Sample struct {
	Value float64
	At    time.Time
}

// Signal is one measure of load, per pod.
type Signal struct {
	Name    string            // "cpu" or "requests"
	Target  float64           // the value per pod to keep to, above 0
	Samples map[string]Sample // by pod name
	Err     error             // why there are no samples at all; wraps one of the errors above
	CPU     bool              // CPU that a pod uses to start says nothing of its load, so its first minutes are looked at closely
	Window  time.Duration     // that a sample looks back over, from its At
}

// Mean is the mean value of the pods that have one; not a number where none has.
func (s Signal) Mean(pods []Pod) float64 {
	sum, n := 0.0, 0
	for _, p := range pods {
		if sample, ok := s.Samples[p.Name]; ok {
			sum, n = sum+sample.Value, n+1
		}
	}
	return sum / float64(n)
}

// Offered is the load that came to all replicas together, in requests per second, as the dispatcher counts it: also while there is
// no replica.
type Offered struct {
	Rate float64
	Shed float64 // of it, refused because the replicas did not manage more; 0 where that is not known
	Err  error   // why it is not known; wraps one of the errors above
}

// Observation is the world at one tick.
type Observation struct {
	Replicas   int  // that the Deployment asks for now
	RollingOut bool // a roll-out is going on: pods are few or many for reasons other than load
	Pods       []Pod
	Signals    []Signal
	Offered    Offered
	Demand     Demand // what policy slo looks at
}

// Hold says why a policy does not act although load might ask for it.
type Hold string

// The reasons to hold. They are labels of a metric: the list is closed.
const (
	HoldNone       Hold = ""
	HoldNoData     Hold = "no-data"     // no signal has data
	HoldStale      Hold = "stale"       // the newest data are old
	HoldInvalid    Hold = "invalid"     // NaN, negative or infinite
	HoldFailed     Hold = "unreachable" // nobody answers
	HoldPartial    Hold = "partial"     // some pods or one signal are missing: never down
	HoldRollout    Hold = "rollout"     // never down
	HoldPaused     Hold = "paused"      // a person scaled to zero
	HoldOtherOwner Hold = "other-autoscaler"
	HoldFull       Hold = "cluster-full" // pods that were asked for do not get ready: more of them would not either
)

// Holds are all the reasons there are.
var Holds = []Hold{HoldNoData, HoldStale, HoldInvalid, HoldFailed, HoldPartial, HoldRollout, HoldPaused, HoldOtherOwner, HoldFull}

// Decision is one tick's answer.
type Decision struct {
	At          time.Time `json:"time"`
	From        int       `json:"from"`
	To          int       `json:"to"`
	Recommended int       `json:"recommended"` // before stabilization and limits; what later ticks look back on
	Hold        Hold      `json:"hold,omitempty"`
	Reason      string    `json:"reason"`
	Applied     bool      `json:"applied"` // whether the cluster took it
	// Reckoning is how policy slo came to it; nil for other policies, and where it had nothing to reckon with.
	Reckoning *Reckoning `json:"reckoning,omitempty"`
	Belief               // of policy slo
	Bound     Rail       `json:"bound,omitempty"`  // the guard rail that kept it from what was wanted, if one did
	AtMax     string     `json:"at_max,omitempty"` // that the load takes more replicas than there may be, and why there may not
	// What a running autoscaler adds for those who ask why.
	Inputs   *Inputs    `json:"inputs,omitempty"`
	Staffing []Staffing `json:"staffing,omitempty"`
	Cost     float64    `json:"cost,omitempty"` // of the replicas decided on, an hour
}

// Changed tells whether the decision is to scale.
func (d Decision) Changed() bool { return d.From != d.To }

// Direction is "up", "down" or "none".
func (d Decision) Direction() string {
	switch {
	case d.To > d.From:
		return "up"
	case d.To < d.From:
		return "down"
	default:
		return "none"
	}
}

// String is the line that a person reads: 2→4: requests 13.1 per replica …
func (d Decision) String() string {
	what := fmt.Sprintf("%d→%d", d.From, d.To)
	if !d.Changed() {
		what = fmt.Sprintf("%d stays", d.From)
	}
	if d.Hold != HoldNone {
		what += fmt.Sprintf(" (hold: %s)", d.Hold)
	}
	return what + ": " + d.Reason
}

// Policy is one way to decide. It may be used from any goroutine: what it remembers is in past, oldest first.
type Policy interface {
	fmt.Stringer
	// Decide answers for one observation.
	Decide(past []Decision, o Observation, now time.Time) Decision
	// Memory is how long past decisions matter to it.
	Memory() time.Duration
}

// Start is the decision to put before the first one: as a Kubernetes HPA does, an autoscaler that just started takes the replicas it
// finds as recommended, so that it never begins by scaling down.
func Start(replicas int, now time.Time) Decision {
	return Decision{At: now, From: replicas, To: replicas, Recommended: replicas, Reason: "started"}
}

// Fleet is the Deployment's replicas at one moment, as the cluster tells of them.
type Fleet struct {
	Replicas    int // asked for
	RollingOut  bool
	Pods        []Pod
	CPURequests map[string]float64 // cores, by pod; a pod without a request has none
}
