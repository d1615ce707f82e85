package scaling

import (
	"math"
	"slices"
	"time"
)

// course is the load of late, in steps, with sums that make means and trends cheap.
type course struct {
	rates       []float64
	sum, moment []float64 // of the rates before each step, and of those times their step
	step        time.Duration
	at          time.Time // the end of the last step
	season      Season
	usual       float64 // jump from one step to the next, as a standard deviation
	clumping    float64 // the variance of the number of requests in a step by its mean, where that is not by chance; else 1
}

func newCourse(rates []float64, d Demand) course {
	sums := make([]float64, 2*len(rates)+2)
	c := course{rates: rates, sum: sums[:len(rates)+1], moment: sums[len(rates)+1:], step: d.Step, at: d.At, season: d.Season}
	for i, r := range rates {
		c.sum[i+1] = c.sum[i] + r
		c.moment[i+1] = c.moment[i] + float64(i)*r
	}
	c.usual = usualJump(rates)
	c.clumping = clumping(meanOf(rates[max(0, len(rates)-jumpSteps):]), c.usual, c.step)
	return c
}

func (c course) last() int { return len(c.rates) - 1 }

// growthSteps is how many steps tell how fast the load grows: half a minute of them.
const growthSteps = 6

// growth is by how much the load changes per second of late.
func (c course) growth() float64 {
	n := min(growthSteps, len(c.rates))
	f := way{over: n, trend: n > 1}
	now, _ := c.ahead(f, c.last(), 0)
	next, _ := c.ahead(f, c.last(), 1)
	return (next - now) / c.step.Seconds()
}

// idle tells whether there was no request for so long.
func (c course) idle(long time.Duration) bool {
	n := int(long / c.step)
	return n < len(c.rates) && c.sum[len(c.rates)] == c.sum[len(c.rates)-n]
}

// way is one way to forecast: the mean of the last steps, that mean carried on along their trend, or grown as the load grew at the same
// time a day or a week ago.
type way struct {
	name  string
	over  int // steps that it looks back over
	trend bool
	ago   time.Duration // 0: not by the season
}

// ways are tried on the load of late, and the best is believed.
var ways = []way{
	{name: "the last step", over: 1},
	{name: "the mean of 3 steps", over: 3},
	{name: "the mean of 12 steps", over: 12},
	{name: "the trend of 6 steps", over: 6, trend: true},
	{name: "the trend of 24 steps", over: 24, trend: true},
	{name: "the growth of a day ago", over: 3, ago: 24 * time.Hour},
	{name: "the growth of a week ago", over: 3, ago: 7 * 24 * time.Hour},
}

// seasonSmoothing is how many minutes around one make its load of a day ago: chance is not to come again.
const seasonSmoothing = 7

// ahead forecasts the load some steps after step i; false: this way cannot.
func (c course) ahead(w way, i, steps int) (float64, bool) {
	first := i + 1 - w.over
	if first < 0 {
		return 0, false
	}
	total := c.sum[i+1] - c.sum[first]
	mean := total / float64(w.over)
	if w.trend {
		n, middle := float64(w.over), float64(first+i)/2
		slope := (c.moment[i+1] - c.moment[first] - middle*total) / (n * (n*n - 1) / 12)
		return max(0, mean+slope*(float64(i+steps)-middle)), true
	}
	if w.ago == 0 {
		return mean, true
	}
	then := c.at.Add(-time.Duration(c.last()-i)*c.step - w.ago)
	was, ok := c.season.at(then, seasonSmoothing)
	became, ok2 := c.season.at(then.Add(time.Duration(steps)*c.step), seasonSmoothing)
	if !ok || !ok2 || was <= 0 {
		return 0, false
	}
	return mean * became / was, true
}

// forecast is a load expected, how much more it may be, and by which way that was found.
type forecast struct {
	rate, margin float64
	way          string
}

// upper is the load to be ready for.
func (f forecast) upper() float64 { return f.rate + f.margin }

// fewErrors is how many errors must be known before they are believed.
const fewErrors = 12

// guess is by how much the load may be higher while nothing is known of errors.
const guess = 0.25

// foresee forecasts the load in some steps: by the way that with its margin would have been nearest of late, where too low costs more than
// too high by as much as the margin is to be enough more often than not (the quantile loss; R. Koenker and G. Bassett, 1978). The margin
// is a quantile of its errors: of those made when the load was like this, since an idle service errs otherwise than a busy one. What of
// it is no error of the forecast but independent requests coming in clumps is taken out: queueing theory reckons with that already.
func (c course) foresee(steps, memory int, care care) forecast {
	now := c.rates[c.last()]
	best := forecast{rate: now, margin: guess * now, way: ways[0].name}
	least := math.Inf(1)
	for _, w := range ways {
		rate, ok := c.ahead(w, c.last(), steps)
		if !ok {
			continue
		}
		e, ok := c.errs(w, rate, steps, memory, care)
		if !ok || e.loss >= least {
			continue
		}
		least = e.loss
		unit := 1 / c.step.Seconds()
		margin := max(0, e.quantile)
		chance := 1.28 * math.Sqrt(rate*unit*c.clumping)
		best = forecast{rate: rate, margin: math.Sqrt(max(0, margin*margin-chance*chance)), way: w.name}
	}
	return best
}

// errs are errors of forecasts, in requests per second.
type errs struct{ quantile, loss float64 }

// samples is how many past forecasts are tried.
const samples = 120

// miss is one forecast's error, and how many requests it concerned.
type miss struct{ by, weight float64 }

// errs tries a way on the steps of late: its errors with loads like the one forecast now, in proportion; where there were too few, all of
// its errors as they were.
func (c course) errs(w way, rate float64, steps, memory int, care care) (errs, bool) {
	var room [samples]miss
	unit := 1 / c.step.Seconds()
	level := max(meanOf(c.rates[max(0, len(c.rates)-levelSteps):]), unit)
	scale := max(rate, unit) / level
	similar := c.misses(room[:0], w, steps, memory, rate, level)
	if len(similar) < 2*fewErrors {
		similar, scale = c.misses(room[:0], w, steps, memory, rate, 0), 1
	}
	if len(similar) < fewErrors {
		return errs{}, false
	}
	slices.SortFunc(similar, largestFirst)
	total := 0.0
	for _, m := range similar {
		total += m.weight
	}
	e := errs{quantile: care.enough(similar, total, level)}
	for _, m := range similar {
		low := m.by - e.quantile
		e.loss += max(care.share*low, (care.share-1)*low) * m.weight / total
	}
	e.quantile *= scale
	return e, true
}

// care is how often a margin is to be enough.
type care struct {
	share float64 // of the requests; that often at most
	least float64 // that often at least, where more would cost more than it is worth; no more than share
	worth float64 // of no request being late, as a share of the replicas that there are
}

// enough is the margin at a level, by errors that are largest first and come to a total weight: the largest that care allows for, or a
// smaller one where the last replicas would so seldom be needed that the lateness which they spare is worth less than they are. Where the
// load is even, hardly any margin costs much; where it comes in bursts that are far apart, only one that is much too large covers them.
func (care care) enough(errors []miss, total, level float64) float64 {
	margin, least := 0.0, math.Inf(1)
	beyond := 0.0 // the weight of what the margin is not enough for
	for _, m := range errors {
		if beyond > (1-care.least)*total {
			break
		}
		after := beyond + m.weight
		if cost := m.by + care.worth*level*beyond/total; after > (1-care.share)*total && cost < least {
			margin, least = m.by, cost
		}
		beyond = after
	}
	return margin
}

// rises tells whether the load grows so fast that it is not by chance: by a number of standard deviations of that growth.
func (c course) rises(surely float64) bool {
	n := float64(min(growthSteps, len(c.rates)))
	unit := 1 / c.step.Seconds()
	chance := max(c.usual, unit) * unit / math.Sqrt(n*(n*n-1)/12) // of a slope by least squares
	return c.growth() > surely*chance
}

// largestFirst is cmp.Compare for numbers that are numbers, which here takes a tenth of a tick less.
func largestFirst(a, b miss) int {
	switch {
	case a.by > b.by:
		return -1
	case a.by < b.by:
		return 1
	default:
		return 0
	}
}

// misses are the errors of forecasts: of those from half to twice a rate, as if the load had been at a level, so that errors of different
// ways compare; or without a level, of all as they were.
func (c course) misses(list []miss, w way, steps, memory int, rate, level float64) []miss {
	unit := 1 / c.step.Seconds()
	stride := max(1, memory/samples)
	for k := range samples {
		i := c.last() - steps - k*stride
		if i < 0 || k*stride >= memory {
			break
		}
		f, ok := c.ahead(w, i, steps)
		if !ok {
			break
		}
		came := c.rates[i+steps]
		by := came - f
		if level > 0 {
			if f < rate/2 || f > 2*rate+unit {
				continue
			}
			by *= level / max(f, unit)
		}
		list = append(list, miss{by: by, weight: came + unit})
	}
	return list
}
