package simulate

import (
	"math"
	"math/rand/v2"
)

// spread draws times with a mean and a coefficient of variation from the log-normal distribution, which is never negative and has the
// longer tail above that times have. It draws from a table of its quantiles: as good, and several times as fast.
type spread struct {
	times  [1 << tableBits]float64
	source *rand.PCG
}

const tableBits = 12

func newSpread(mean, variation float64, seed uint64) *spread {
	s := &spread{source: rand.NewPCG(seed, 2)}
	sigma := math.Sqrt(math.Log1p(variation * variation))
	sum := 0.0
	for i := range s.times {
		quantile := (float64(i) + 0.5) / float64(len(s.times))
		s.times[i] = math.Exp(sigma * math.Sqrt2 * math.Erfinv(2*quantile-1))
		sum += s.times[i]
	}
	for i := range s.times {
		s.times[i] *= mean * float64(len(s.times)) / sum
	}
	return s
}

func (s *spread) draw() float64 { return s.times[s.source.Uint64()>>(64-tableBits)] }
