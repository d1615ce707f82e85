package report

import (
	"fmt"
	"math"
)

// scale maps values to heights from 0 (the panel's foot) to 1.
type scale struct {
	low, high float64
	log       bool
	ticks     []float64
}

// spreadForLog is from which ratio of highest to lowest a logarithmic axis reads better.
const spreadForLog = 20

// linear starts at 0 and ends at a round value.
func linear(high float64, whole bool) scale {
	if high <= 0 {
		high = 1
	}
	step := roundStep(high / 4)
	if whole {
		step = max(1, math.Round(step))
	}
	s := scale{high: step * math.Ceil(high/step-1e-9)}
	for i := 0; float64(i)*step <= s.high*(1+1e-9); i++ {
		s.ticks = append(s.ticks, float64(i)*step)
	}
	return s
}

// roundStep is the least of 1, 2, 5 times a power of ten that is not below v.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// positive is linear, or logarithmic when the values are far apart.
func positive(low, high float64) scale {
	if low <= 0 || high/low < spreadForLog {
		return linear(high, false)
	}
	s := scale{log: true, low: roundDown(low), high: roundStep(high)}
	decades := math.Log10(s.high / s.low)
	s.ticks = logTicks(s.low, s.high, func(digit int) bool { return decades <= 1.8 || digit == 1 || (decades <= 2.5 && digit == 5) })
	return s
}

// logTicks are the 1, 2, 5 times powers of ten from one of them up to high, as far as they are kept by their digit.
func logTicks(from, high float64, kept func(digit int) bool) []float64 {
	var ticks []float64
	for v := from; v <= high*(1+1e-9); v = roundStep(v * 1.01) {
		if kept(int(math.Round(v / math.Pow(10, math.Floor(math.Log10(v)+1e-9))))) {
			ticks = append(ticks, v)
		}
	}
	return ticks
}

// roundDown is the greatest of 1, 2, 5 times a power of ten that is not above v.
func roundDown(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	for _, m := range []float64{5, 2} {
		if m*power <= v*(1+1e-9) {
			return m * power
		}
	}
	return power
}

func (s scale) at(v float64) float64 {
	if s.log {
		return math.Log(max(v, s.low)/s.low) / math.Log(s.high/s.low)
	}
	return v / s.high
}

// tick is a labelled place on an axis, in percent of its length.
type tick struct {
	At    float64
	Label string
	Minor bool // left out where there is little room
}

func (s scale) labelled(text func(float64) string) []tick {
	ticks := make([]tick, len(s.ticks))
	for i, v := range s.ticks {
		ticks[i] = tick{At: percent(s.at(v)), Label: text(v)}
	}
	return ticks
}

// timeTicks are at most nine round times.
func timeTicks(end float64) []tick {
	step := timeStep(end / 8)
	var ticks []tick
	for i := 0; float64(i)*step <= end*(1+1e-9); i++ {
		at := float64(i) * step
		ticks = append(ticks, tick{At: percent(at / end), Label: timeLabel(at, end), Minor: i%2 == 1})
	}
	return ticks
}

// timeStep is the least round stretch that is not below v, in seconds.
func timeStep(v float64) float64 {
	if v <= 1 {
		return roundStep(v)
	}
	for _, s := range []float64{2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800} {
		if s >= v {
			return s
		}
	}
	const day = 86400
	return day * math.Ceil(v/day)
}

// percent is a share as the page's styles take it, to a hundredth.
func percent(share float64) float64 { return math.Round(1e4*share) / 100 }

func timeLabel(at, end float64) string {
	switch {
	case end < 60:
		return fmt.Sprintf("%.6g s", at)
	case end < 3600:
		return fmt.Sprintf("%d:%02d", int(at)/60, int(at)%60)
	default:
		return fmt.Sprintf("%d:%02d:%02d", int(at)/3600, int(at)/60%60, int(at)%60)
	}
}
