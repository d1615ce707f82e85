package soak

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

const (
	mostGrowth  = 0.03 // of the memory, in growthTime
	growthTime  = 600  // seconds; memory that is looked at for less is not judged
	noiseFactor = 2    // standard errors that a slope has to exceed to be one
)

// Trend is a straight line through a quantity over time.
type Trend struct {
	Mean  float64
	Slope float64 // per second
	Error float64 // the slope's standard error
}

// floorLooks are the looks of which the least counts: a minute's, mostly.
const floorLooks = 6

// Memory is the trend of the resident memory after the first third of the load: until then the server may still learn what it needs.
func (r Result) Memory() Trend { return trend(r.late()) }

// Floor is the trend of the least of each few looks. What a huge picture takes comes and goes; what leaks lies below it, and raises
// the floor.
func (r Result) Floor() Trend {
	var floors []Vitals
	for few := range slices.Chunk(r.late(), floorLooks) {
		floors = append(floors, slices.MinFunc(few, func(a, b Vitals) int { return cmp.Compare(a.RSS, b.RSS) }))
	}
	return trend(floors)
}

// JudgesMemory tells whether the load lasted long enough to say whether memory grows.
func (r Result) JudgesMemory() bool {
	late := r.late()
	return len(late) > 0 && late[len(late)-1].Second-late[0].Second >= growthTime
}

func (r Result) late() []Vitals { return r.Load[len(r.Load)/3:] }

func trend(looks []Vitals) Trend {
	seconds, memory := make([]float64, len(looks)), make([]float64, len(looks))
	for i, v := range looks {
		seconds[i], memory[i] = v.Second, v.RSS
	}
	return fit(seconds, memory)
}

// share is how much of the quantity is added in growthTime.
func (t Trend) share() float64 { return t.Slope * growthTime / t.Mean }

// grows tells whether it is more than the limit, and more than chance.
func (t Trend) grows() bool { return t.share() > mostGrowth && t.Slope > noiseFactor*t.Error }

// fit is the line of least squares. Less than three points tell no slope from noise.
func fit(x, y []float64) Trend {
	n := float64(len(x))
	if n == 0 {
		return Trend{Error: math.Inf(1)}
	}
	var sumX, sumY, xx, xy, residual float64
	for i := range x {
		sumX, sumY = sumX+x[i], sumY+y[i]
	}
	meanX, meanY := sumX/n, sumY/n
	for i := range x {
		xx += (x[i] - meanX) * (x[i] - meanX)
		xy += (x[i] - meanX) * (y[i] - meanY)
	}
	if n < 3 || xx == 0 {
		return Trend{Mean: meanY, Error: math.Inf(1)}
	}
	slope := xy / xx
	for i := range x {
		off := y[i] - meanY - slope*(x[i]-meanX)
		residual += off * off
	}
	return Trend{Mean: meanY, Slope: slope, Error: math.Sqrt(residual / (n - 2) / xx)}
}

// Faults are what is wrong with the server, in words; none: it is well.
func (r Result) Faults() (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, t := range r.Kinds {
		if t.Wrong > 0 {
			say("%s: %d of %d ended as they must not", t.Kind, t.Wrong, t.Total())
		}
	}
	if r.ServerErrors > 0 {
		say("the server counts %.0f failures of its own", r.ServerErrors)
	}
	if t := r.Floor(); r.JudgesMemory() && t.grows() {
		say("its memory grows by %.1f %% in ten minutes", 100*t.share())
	}
	if r.After.Goroutines > r.Before.Goroutines {
		say("%.0f goroutines are left where %.0f were", r.After.Goroutines, r.Before.Goroutines)
	}
	if r.After.Files > r.Before.Files {
		say("%.0f files are left open where %.0f were", r.After.Files, r.Before.Files)
	}
	if r.Ended != "" {
		say("%s", r.Ended)
	}
	return all
}
