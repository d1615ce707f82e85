package scaling

import (
	"math"
	"time"
)

// Bursts often keep to the clock: jobs that start at the full or the half hour, a shop that opens at nine. So the load of the same
// minute in past cycles is looked at for growth that comes again. What grew once may have been chance; what grew twice is reckoned with.
const (
	cycle        = 30 * time.Minute
	cycles       = 14               // seven hours: a burst that comes every three hours is seen twice
	cycleSlack   = 10 * time.Second // by which a burst may be early or late
	cycleAhead   = time.Minute      // so much more is looked at once a burst begins, so that one scaling does for all its rise
	notable      = 1.5              // growth that is less is left to the forecast and its margin
	levelSteps   = 6                // over which the load before it is the mean of
	daysBack     = 7
	weeksBack    = 4
	recallMemory = cycles*cycle + 2*time.Minute
)

// recurring is the load to expect within some steps, if it grows as it did at least twice at this time in the past; 0: it did not.
func recurring(rates []float64, d Demand, steps int) float64 {
	var growths top
	slack, ahead, period := int(cycleSlack/d.Step), int(cycleAhead/d.Step), int(cycle/d.Step)
	for k := 1; k <= cycles; k++ {
		i := len(rates) - 1 - k*period
		if i-slack-levelSteps+1 < 0 {
			break
		}
		before := meanOf(rates[i-slack-levelSteps+1 : i-slack+1])
		soon := rates[i+steps-slack : min(i+steps+slack+1, len(rates))]
		after := busiest(soon)
		if after > notable*before {
			after = busiest(rates[i+steps-slack : min(i+steps+slack+ahead+1, len(rates))])
		}
		growths.add(after, before, d.Step)
	}
	growth := growths.second()
	for _, far := range []struct {
		period time.Duration
		times  int
	}{{24 * time.Hour, daysBack}, {7 * 24 * time.Hour, weeksBack}} {
		growth = max(growth, d.Season.growth(d.At, time.Duration(steps)*d.Step, far.period, far.times))
	}
	if growth < notable {
		return 0
	}
	return growth * meanOf(rates[max(0, len(rates)-levelSteps):])
}

// growth is by what factor the load grew at this time at least twice in the past.
func (s Season) growth(now time.Time, lead, period time.Duration, times int) float64 {
	var growths top
	for k := 1; k <= times; k++ {
		then := now.Add(-time.Duration(k) * period)
		before, ok := s.at(then.Add(-2*time.Minute), 1)
		during, ok2 := s.at(then.Add(lead), 0)
		after, ok3 := s.at(then.Add(lead+time.Minute), 0)
		if ok && ok2 && ok3 {
			growths.add(max(during, after), before, time.Minute)
		}
	}
	return growths.second()
}

// top keeps the largest two.
type top struct{ largest, next float64 }

func (t *top) add(after, before float64, step time.Duration) {
	growth := after / max(before, 1/step.Seconds())
	t.largest, t.next = max(t.largest, growth), max(t.next, min(t.largest, growth))
}

func (t *top) second() float64 { return t.next }

// busiest is the highest mean of three steps: one step's may be chance.
func busiest(rates []float64) float64 {
	most := 0.0
	for i := 3; i <= len(rates); i++ {
		most = max(most, meanOf(rates[i-3:i]))
	}
	return most
}

func meanOf(rates []float64) float64 {
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	return sum / math.Max(1, float64(len(rates)))
}
