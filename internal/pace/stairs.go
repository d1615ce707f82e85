package pace

import "sort"

// stairs is a rate that holds for a while at each of its levels.
type stairs struct {
	starts []float64 // of each level, and the end of the last
	levels []float64
	passed []float64 // requests due before each level, and before the end
	text   string    // how it was written: step, spike and trace are all stairs
}

func newStairs(starts, levels []float64, text string) stairs {
	s := stairs{starts: starts, levels: levels, passed: make([]float64, len(starts)), text: text}
	for i, level := range levels {
		s.passed[i+1] = s.passed[i] + level*(starts[i+1]-starts[i])
	}
	return s
}

// evenStairs holds every level for as long.
func evenStairs(levels []float64, each float64, text string) stairs {
	starts := make([]float64, len(levels)+1)
	for i := range starts {
		starts[i] = each * float64(i)
	}
	return newStairs(starts, levels, text)
}

func (s stairs) seconds() float64       { return s.starts[len(s.levels)] }
func (s stairs) rate(t float64) float64 { return s.levels[s.level(t)] }

// level is the one that holds at t.
func (s stairs) level(t float64) int {
	after := sort.Search(len(s.levels), func(i int) bool { return s.starts[i] > t })
	return max(0, after-1)
}

func (s stairs) integral(t float64) float64 {
	i := s.level(t)
	return s.passed[i] + s.levels[i]*(t-s.starts[i])
}

func (s stairs) String() string { return s.text }
