package resnet

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// Ranked is a class and its probability.
type Ranked struct {
	Class       int
	Probability float64
}

// ErrNotFinite: the network answered with NaN or infinity, which no picture should cause.
var ErrNotFinite = errors.New("the network's output is not finite")

// Rank turns logits into the k likeliest classes, highest first, equals by class. Probabilities are the softmax over all
// classes, so they sum to 1 only where k is all of them.
func Rank(logits []float32, k int) ([]Ranked, error) {
	largest := slices.Max(logits)
	ranked, sum := make([]Ranked, len(logits)), 0.0
	for i, v := range logits {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, ErrNotFinite
		}
		// Shifted by the largest, the exponential cannot overflow.
		p := math.Exp(float64(v) - float64(largest))
		ranked[i] = Ranked{Class: i, Probability: p}
		sum += p
	}
	for i := range ranked {
		ranked[i].Probability /= sum
	}
	slices.SortFunc(ranked, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(logits[b.Class], logits[a.Class]), cmp.Compare(a.Class, b.Class))
	})
	return ranked[:min(k, len(ranked))], nil
}
