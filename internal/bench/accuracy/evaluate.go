package main

import (
	"fmt"
	"math"
	"slices"
)

// answers are what one pipeline says: for each picture, in the order of the pictures, the probability of each class.
type answers struct {
	name          string
	probabilities [][]float64
}

type evaluation struct {
	classes   []string
	pictures  []picture
	reference *answers // nil without one
	measured  []answers
}

// all is the reference, where there is one, and what was measured.
func (e evaluation) all() []answers {
	if e.reference == nil {
		return e.measured
	}
	return append([]answers{*e.reference}, e.measured...)
}

func (e evaluation) precision(name string) *answers {
	if i := slices.IndexFunc(e.measured, func(a answers) bool { return a.name == name }); i >= 0 {
		return &e.measured[i]
	}
	return nil
}

// top is the likeliest class; of equals the first, as the server ranks them.
func (a answers) top(picture int) int {
	return slices.Index(a.probabilities[picture], slices.Max(a.probabilities[picture]))
}

// labelled is how many pictures have a truth.
func (e evaluation) labelled() (n int) {
	for _, p := range e.pictures {
		if p.truth != unknown {
			n++
		}
	}
	return n
}

// top1 is the percentage of the labelled pictures whose likeliest class is the truth.
func (e evaluation) top1(a answers) float64 {
	right := 0
	for i, p := range e.pictures {
		if a.top(i) == p.truth {
			right++
		}
	}
	return 100 * float64(right) / float64(e.labelled())
}

// agreement is the percentage of pictures on whose likeliest class both agree.
func agreement(a, b answers) float64 {
	same := 0
	for i := range a.probabilities {
		if a.top(i) == b.top(i) {
			same++
		}
	}
	return 100 * float64(same) / float64(len(a.probabilities))
}

// difference is how far the probabilities are apart: on average over pictures and classes, at most, and for which picture.
func difference(a, b answers) (mean, most float64, worst int) {
	n := 0
	for i, p := range a.probabilities {
		for class := range p {
			d := math.Abs(p[class] - b.probabilities[i][class])
			mean += d
			n++
			if d > most {
				most, worst = d, i
			}
		}
	}
	return mean / float64(n), most, worst
}

// confusion counts the labelled pictures by truth, then by the likeliest class.
func (e evaluation) confusion(a answers) [][]int {
	counts := make([][]int, len(e.classes))
	for i := range counts {
		counts[i] = make([]int, len(e.classes))
	}
	for i, p := range e.pictures {
		if p.truth != unknown {
			counts[p.truth][a.top(i)]++
		}
	}
	return counts
}

// bins is how many equal intervals of confidence the calibration error has.
const bins = 15

// calibrationError is the expected calibration error (Naeini et al., 2015): pictures are sorted into bins by the probability of their likeliest
// class; it is the distance between that probability's mean and the share that is right, averaged over the bins by their pictures.
func (e evaluation) calibrationError(a answers) float64 {
	var gap [bins]float64 // of each bin, the sum of confidences less the number right
	for i, p := range e.pictures {
		if p.truth == unknown {
			continue
		}
		class := a.top(i)
		confidence := a.probabilities[i][class]
		bin := min(int(confidence*bins), bins-1)
		gap[bin] += confidence
		if class == p.truth {
			gap[bin]--
		}
	}
	sum := 0.0
	for _, g := range gap {
		sum += math.Abs(g)
	}
	return sum / float64(e.labelled())
}

// verdict is how a budget was kept. A budget that these pictures cannot tell has the reason in open.
type verdict struct {
	budget, found, open string
	kept                bool
}

// fewest is the number of labelled pictures below which top-1 says nothing about tenths of a point.
const fewest = 500

const (
	fp32Loss  = 0.3 // points of top-1 that decoding and preprocessing may cost
	int8Loss  = 1.0 // points of top-1 that INT8 may cost beyond
	leastSame = 98. // per cent of pictures with the reference's likeliest class
)

func (e evaluation) verdicts() []verdict {
	fp32, int8 := e.precision("fp32"), e.precision("int8")
	return []verdict{
		e.loss("FP32", fp32, "the reference", e.reference, fp32Loss),
		e.loss("INT8", int8, "FP32", fp32, int8Loss),
		e.agreeing("FP32", fp32),
	}
}

func (e evaluation) loss(name string, a *answers, otherName string, other *answers, budget float64) verdict {
	v := verdict{budget: fmt.Sprintf("%s loses at most %.1f points of top-1 against %s", name, budget, otherName)}
	switch {
	case a == nil || other == nil:
		v.open = "one of the two is not here"
	case e.labelled() < fewest:
		v.open = fmt.Sprintf("%d labelled pictures are too few to tell", e.labelled())
	default:
		lost := e.top1(*other) - e.top1(*a)
		v.found, v.kept = fmt.Sprintf("%.2f", lost), lost <= budget+1e-9
	}
	return v
}

func (e evaluation) agreeing(name string, a *answers) verdict {
	v := verdict{budget: fmt.Sprintf("%s agrees with the reference on at least %.0f %% of the pictures", name, leastSame)}
	if a == nil || e.reference == nil {
		v.open = "one of the two is not here"
		return v
	}
	share := agreement(*a, *e.reference)
	v.found, v.kept = fmt.Sprintf("%.2f %%", share), share >= leastSame
	return v
}

// kept tells whether every budget is kept that the pictures can tell.
func (e evaluation) kept() bool {
	return !slices.ContainsFunc(e.verdicts(), func(v verdict) bool { return v.open == "" && !v.kept })
}
