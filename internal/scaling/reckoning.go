package scaling

import (
	"fmt"
	"math"
	"time"
)

// Reckoning is how policy slo came to what it recommends: for explaining, and for graphs.
type Reckoning struct {
	Load      float64       `json:"load"`                // requests per second in the last step
	Growth    float64       `json:"growth"`              // of it, per second
	Blind     bool          `json:"blind,omitempty"`     // only what was answered is seen
	Saturated bool          `json:"saturated,omitempty"` // blind, and the replicas answer all they can
	Lead      time.Duration `json:"lead"`                // from the end of the last step until what is decided next can help
	Forecast  float64       `json:"forecast"`            // of the load after the lead
	Margin    float64       `json:"margin"`              // by how much the forecast may be too low
	Way       string        `json:"way"`                 // by which the forecast was found
	Burst     bool          `json:"burst,omitempty"`
	Recurring float64       `json:"recurring,omitempty"` // load to expect because it came at this time before
	Waiting   float64       `json:"waiting"`             // requests in the queue
	Backlog   float64       `json:"backlog,omitempty"`   // of them, with those to come until replicas can help, what is too many
	Capacity  float64       `json:"capacity"`            // requests per second of one replica
	Stated    float64       `json:"stated"`              // those that it says it can do
	Service   time.Duration `json:"service"`             // that a request takes
	Latency   time.Duration `json:"latency"`             // the SLO
	Hopeless  bool          `json:"hopeless,omitempty"`  // the SLO is shorter than a request takes
	Slots     int           `json:"slots"`               // requests that a replica works on at once
	Clumping  float64       `json:"clumping"`            // how much more requests come in clumps than independent ones
	StartTime time.Duration `json:"start_time"`
	Ready     int           `json:"ready"`     // replicas that take requests
	StaffFor  float64       `json:"staff_for"` // requests per second
	Replicas  int           `json:"replicas"`  // for them
	AtMost    bool          `json:"at_most,omitempty"`
}

// reckoned is a reckoning with what it was made of.
type reckoned struct {
	Reckoning
	station station
	course  course
	belief  Belief
	burst   float64 // the load that a burst lets expect; 0: there is none
	steps   int     // to the end of the lead
	care    care
}

// reckon finds the load to staff for: the forecast with its margin, or what a burst, the clock or blindness make of it; and on top what
// drains a backlog.
func (p SLO) reckon(past []Decision, o Observation, now time.Time) (reckoned, error) {
	rates, err := o.Demand.usable(recallMemory)
	if err != nil {
		return reckoned{}, err
	}
	ready := readyPods(o.Pods)
	stated := o.Demand.Capacity
	if !(stated > 0) || math.IsInf(stated, 0) {
		return reckoned{}, fmt.Errorf("%w on what a replica can do: none has measured its capacity", ErrNoData)
	}
	belief := p.belief(past, o, now)
	capacity := belief.Believed * stated
	step := o.Demand.Step
	r := reckoned{belief: belief, station: station{capacity: capacity, slots: max(1, o.Demand.Slots), latency: p.Latency}}
	r.course = newCourse(rates[max(0, len(rates)-p.remembered(step)):], o.Demand)
	r.station.clumping = r.course.clumping
	r.Load, r.Growth = rates[len(rates)-1], r.course.growth()
	r.Blind, r.Waiting, r.Capacity = o.Demand.Served, o.Demand.Waiting, capacity
	r.Ready, r.Stated = ready, stated
	r.Latency, r.Slots, r.Clumping = p.Latency, r.station.slots, r.course.clumping
	r.Service, r.Hopeless = time.Duration(r.station.service()*float64(time.Second)), r.station.hopeless()
	r.StartTime = usualStart(o.Demand.StartTime, o.Pods)
	r.Lead = now.Sub(o.Demand.At) + r.StartTime + p.Interval
	r.steps = max(1, int((r.Lead+step-1)/step))

	r.care = p.care(r)
	f := r.course.foresee(r.steps, int(p.Tuning.Errors/step), r.care)
	r.Forecast, r.Margin, r.Way = f.rate, f.margin, f.way
	r.StaffFor = f.upper()
	p.surprises(&r, rates, o.Demand)
	p.recommend(&r, o, now)
	r.AtMost = r.Replicas == p.Max && !r.station.bear(p.Max, r.StaffFor, p.Tuning.RiskKept)
	return r, nil
}

// care is how often the margin is to be enough: a forecast that was too low is felt until replicas have come, so the longer that takes,
// the rarer it may be. While the load does not rise it may be a little less rare, where rarer costs too much: what is too low then is so by
// chance and for a moment, not again and again until a rise has ended.
func (p SLO) care(r reckoned) care {
	share := 1 - min(p.Tuning.MostMissed, p.Tuning.Missed.Seconds()/max(r.Lead.Seconds(), 1))
	least := share
	if !r.course.rises(p.Tuning.Rising) {
		least = min(share, 1-p.Tuning.MostSpared)
	}
	return care{share: share, least: least, worth: p.Tuning.Worth}
}

// remembered is how many steps the forecasts look at: the errors that count, and what the first of those looked back on.
func (p SLO) remembered(step time.Duration) int {
	return int((p.Tuning.Errors+p.Tuning.Again)/step) + 64
}

// surprises raise the load to staff for above the forecast.
func (p SLO) surprises(r *reckoned, rates []float64, d Demand) {
	if r.burst = r.course.burst(p.Tuning.Alarm); r.burst > r.StaffFor {
		r.Burst, r.StaffFor = true, r.burst
	}
	if to := recurring(rates, d, r.steps); to > r.StaffFor {
		r.Recurring, r.StaffFor = to, to
	}
	if can := float64(r.Ready) * r.Capacity; d.Served && r.Load >= 0.9*can && can > 0 {
		r.Saturated = true
		r.StaffFor = max(r.StaffFor, 2*r.Load)
	}
}

// recommend finds the replicas, with those that drain what will wait too long when new ones are ready. What those that are on their way will
// have answered by then is no reason for more; but they are kept for it, where without them it would be.
func (p SLO) recommend(r *reckoned, o Observation, now time.Time) {
	comes := 0.0
	if !o.RollingOut { // else they take the place of others
		comes = r.Capacity * ahead(o.Pods, r.StartTime, now.Add(-o.Demand.Skew)).Seconds()
	}
	without := *r
	without.drain(p.backlog(r, 0), p.Tuning.Drain)
	r.drain(p.backlog(r, comes), p.Tuning.Drain)
	r.Replicas = p.replicas(*r)
	if without.Backlog > r.Backlog {
		r.Replicas = max(r.Replicas, min(p.replicas(without), o.Replicas))
	}
}

// drain adds the load as which a backlog counts that is to be gone in a time.
func (r *reckoned) drain(backlog float64, within time.Duration) {
	r.Backlog = backlog
	r.StaffFor += backlog / within.Seconds()
}

// backlog is what will wait too long when new replicas are ready: what waits now, and what comes until then beyond what is answered, by
// the replicas that there are and by those that come. A clump that is gone by then needs no replica.
func (p SLO) backlog(r *reckoned, comes float64) float64 {
	can := float64(r.Ready) * r.Capacity
	if r.Waiting <= can*max(0, p.Latency.Seconds()-r.station.service())/2 {
		return 0 // so many are answered within the SLO
	}
	load := max(r.Load, r.burst) // the last step has seen half of a burst
	backlog := max(0, r.Waiting+(load-can)*r.StartTime.Seconds()-comes)
	if limit := p.QueueTimeout.Seconds() * r.Load; limit > 0 {
		backlog = min(backlog, max(limit, r.Waiting)) // who came before that has given up by then
	}
	return backlog
}

// replicas are what the load to staff for needs. The last one goes only where zero is the autoscaler's own to use, and nobody has asked
// for long.
func (p SLO) replicas(r reckoned) int {
	if p.Min == 0 && r.StaffFor < noLoad && r.course.idle(idleFor) {
		return 0
	}
	return max(r.station.staff(r.StaffFor, p.Tuning.Risk, p.Max), p.Min)
}

// noLoad is less than any load: sums and differences leave dust.
const noLoad = 1e-6

// idleFor is how long nobody must have asked before the last replica goes.
const idleFor = 5 * time.Minute

// staffAgain is the replicas for the load that may come before what is stopped now could be back.
func (p SLO) staffAgain(r reckoned) int {
	step := r.course.step
	steps := max(r.steps, int(p.Tuning.Again/step))
	f := r.course.foresee(steps, int(p.Tuning.Errors/step), r.care)
	if f.upper() < noLoad {
		return r.Replicas
	}
	return r.station.staff(f.upper(), p.Tuning.Risk, p.Max)
}

func readyPods(pods []Pod) int {
	n := 0
	for _, p := range pods {
		if p.Ready {
			n++
		}
	}
	return n
}

// Staffing is one line of the table that Explain shows.
type Staffing struct {
	Replicas int     `json:"replicas"`
	Load     float64 `json:"load"` // share of their time that replicas are busy
	Late     float64 `json:"late"` // share of requests that would be late by queueing
}

// Table is how well some numbers of replicas around the one recommended would do.
func (r Reckoning) Table() []Staffing {
	s := station{capacity: r.Capacity, slots: max(1, r.Slots), latency: r.Latency, clumping: r.Clumping}
	var rows []Staffing
	for n := max(1, r.Replicas-3); n <= r.Replicas+2; n++ {
		rows = append(rows, Staffing{Replicas: n, Load: r.StaffFor / (float64(n) * r.Capacity), Late: s.late(n, r.StaffFor)})
	}
	return rows
}
