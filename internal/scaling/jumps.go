package scaling

import (
	"math"
	"slices"
	"time"
)

// burst is the load that a jump of the last step lets expect, 0 where the load often jumps as far or chance may have made it: independent
// requests spread by the root of their number. The jump came some time within the step, so on average half of it is seen, and as much
// again is to come.
func (c course) burst(alarm float64) float64 {
	last := c.last()
	if last < 1 {
		return 0
	}
	seconds := c.step.Seconds()
	level := meanOf(c.rates[max(0, last-levelSteps):last])
	jump := c.rates[last] - level
	chance := math.Sqrt(max(level*seconds, 1)) / seconds
	if jump <= alarm*max(chance, c.usual) {
		return 0
	}
	return c.rates[last] + jump
}

// jumpSteps is how many steps of late tell how large jumps are: ten minutes of them.
const jumpSteps = 120

// usualJump is the standard deviation of a step around those beside it, by the median, which bursts do not move and trends do not touch.
func usualJump(rates []float64) float64 {
	var sizes [jumpSteps]float64
	n := 0
	for i := len(rates) - 2; i >= 1 && n < jumpSteps; i-- {
		sizes[n] = math.Abs(rates[i] - (rates[i-1]+rates[i+1])/2)
		n++
	}
	if n == 0 {
		return 0
	}
	slices.Sort(sizes[:n])
	const ofMedian, ofNeighbours = 1.483, 1.225 // for the normal distribution, and for the mean of two being uncertain as well
	return ofMedian / ofNeighbours * sizes[n/2]
}

// clumping is the variance of the number of requests in a step by its mean: 1 for independent ones, and where it could be by chance.
func clumping(level, jump float64, step time.Duration) float64 {
	if level == 0 {
		return 1
	}
	if z := jump * jump * step.Seconds() / level; z > surelyClumped {
		return min(z, mostClumping)
	}
	return 1
}

const (
	surelyClumped = 1.6 // what 120 independent steps exceed once in a thousand times
	mostClumping  = 4   // how far Hayward's approximation is trusted
)
