package simulate

import "math/rand/v2"

// arrivals turns a trace into instants, a second at a time. A bin has as many requests as its rate and length say; the fraction that is
// left counts towards the next bin.
type arrivals struct {
	trace  Trace
	manner Manner
	random *rand.Rand
	second int
	bin    []float64 // instants of the bin that is open, in order
	until  int       // where it ends
	carry  float64
}

func newArrivals(t Trace, manner Manner, seed uint64) *arrivals {
	return &arrivals{trace: t, manner: manner, random: rand.New(rand.NewPCG(seed, 1))}
}

// next is the instants of the next second; false after the trace's end. They are valid until it is called again.
func (a *arrivals) next() ([]float64, bool) {
	if a.second == len(a.trace.Rates) {
		return nil, false
	}
	if a.second == a.until {
		a.open()
	}
	a.second++
	n := 0
	for n < len(a.bin) && a.bin[n] < float64(a.second) {
		n++
	}
	now := a.bin[:n]
	a.bin = a.bin[n:]
	return now, true
}

// open fills the bin that begins now.
func (a *arrivals) open() {
	from := a.second
	a.until = min(from+a.trace.Bin, len(a.trace.Rates))
	for i := from; i < a.until; i++ {
		a.carry += a.trace.Rates[i]
	}
	n := int(a.carry)
	a.carry -= float64(n)
	if cap(a.bin) < n {
		a.bin = make([]float64, 0, 2*n)
	}
	a.bin = a.bin[:0]
	// Sorted uniform instants are partial sums of exponential gaps, divided by their sum (Rényi).
	sum := 0.0
	for range n {
		sum += a.gap()
		a.bin = append(a.bin, sum)
	}
	sum += a.gap()
	scale := float64(a.until-from) / sum
	for i := range a.bin {
		a.bin[i] = float64(from) + a.bin[i]*scale
	}
}

func (a *arrivals) gap() float64 {
	if a.manner == Even {
		return 1
	}
	return a.random.ExpFloat64()
}
