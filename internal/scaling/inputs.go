package scaling

import "math"

// Explained is the decision with all that it was made from. price is that of a replica for an hour; 0: not told.
func (d Decision) Explained(o Observation, price float64) Decision {
	in := o.inputs(d)
	d.Inputs, d.Cost = &in, price*float64(d.To)
	if r := d.Reckoning; r != nil {
		d.Staffing = r.Table()
	}
	return d
}

// Inputs are what a decision was made from, for those who ask why.
type Inputs struct {
	Ready      int           `json:"ready"`
	Starting   int           `json:"starting"` // pods that are not ready
	RollingOut bool          `json:"rolling_out,omitempty"`
	Signals    []SignalInput `json:"signals,omitempty"` // what policy target looks at
	Offered    *float64      `json:"offered,omitempty"` // and that, in requests per second, where it is known
	Demand     *DemandInput  `json:"demand,omitempty"`  // what policy slo looks at
}

// SignalInput is one signal as it was seen.
type SignalInput struct {
	Name   string   `json:"name"`
	Mean   *float64 `json:"mean,omitempty"` // per pod
	Target float64  `json:"target,omitempty"`
	Pods   int      `json:"pods"` // that had a sample
	Error  string   `json:"error,omitempty"`
}

// DemandInput is the load as it was seen.
type DemandInput struct {
	Offered   *float64 `json:"offered,omitempty"` // requests per second in the last step
	Age       float64  `json:"age_seconds"`       // of the end of that step
	Known     float64  `json:"known_seconds"`     // how far back the load is known in steps
	Days      float64  `json:"known_days"`        // and in minutes
	Partial   bool     `json:"partial,omitempty"`
	Served    bool     `json:"served,omitempty"` // only what was answered is seen
	Waiting   float64  `json:"waiting"`
	Capacity  float64  `json:"capacity"` // that replicas measured themselves, each
	Answering float64  `json:"answering"`
	Slots     int      `json:"slots"`
	StartTime float64  `json:"start_seconds"` // that was learned; 0: nothing yet
	Error     string   `json:"error,omitempty"`
}

func (o Observation) inputs(d Decision) Inputs {
	in := Inputs{Ready: readyPods(o.Pods), RollingOut: o.RollingOut}
	in.Starting = len(o.Pods) - in.Ready
	for _, s := range o.Signals {
		seen := SignalInput{Name: s.Name, Mean: known(s.Mean(o.Pods)), Target: finite(s.Target), Pods: len(s.Samples)}
		if s.Err != nil {
			seen.Error = s.Err.Error()
		}
		in.Signals = append(in.Signals, seen)
	}
	if len(o.Signals) > 0 {
		if o.Offered.Err == nil {
			in.Offered = known(o.Offered.Rate)
		}
		return in
	}
	x := o.Demand
	in.Demand = &DemandInput{
		Known: float64(len(x.Rates)) * x.Step.Seconds(), Days: float64(len(x.Season.Minutes)) / (24 * 60), Partial: x.Partial, Served: x.Served,
		Waiting: finite(x.Waiting), Capacity: finite(x.Capacity), Answering: finite(x.Answering), Slots: x.Slots, StartTime: x.StartTime.Seconds(),
	}
	if len(x.Rates) > 0 {
		in.Demand.Offered, in.Demand.Age = known(x.Rates[len(x.Rates)-1]), d.At.Sub(x.At).Seconds()
	}
	if x.Err != nil {
		in.Demand.Error = x.Err.Error()
	}
	return in
}

// known is nil for what JSON has no number for.
func known(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func finite(x float64) float64 {
	if k := known(x); k != nil {
		return *k
	}
	return 0
}
