package summary

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// heatPerDecade is how many rows of a heat map a factor of ten has: each row is a quarter slower than the one before.
const heatPerDecade = 10

// heatFloor is where the lowest row begins.
const heatFloor = 100 * time.Microsecond

// heatRow is the row of a latency; what is faster than the lowest is in it.
func heatRow(latency time.Duration) int {
	if latency <= heatFloor {
		return 0
	}
	return int(heatPerDecade * math.Log10(float64(latency)/float64(heatFloor)))
}

// HeatFrom is the latency where a row begins, in milliseconds; it ends where the next one begins.
func HeatFrom(row int) float64 {
	return float64(heatFloor) / float64(time.Millisecond) * math.Pow(10, float64(row)/heatPerDecade)
}

// HeatCell is how many good answers of a second's requests took as long as a row says.
type HeatCell struct {
	Row   int
	Count int64
}

// MarshalJSON writes a pair, as a time line has many.
func (c HeatCell) MarshalJSON() ([]byte, error) { return json.Marshal([2]int64{int64(c.Row), c.Count}) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *HeatCell) UnmarshalJSON(text []byte) error {
	var pair [2]int64
	err := json.Unmarshal(text, &pair)
	c.Row, c.Count = int(pair[0]), pair[1]
	return err
}

// cells are in order of their rows.
func cells(heat map[int]int64) []HeatCell {
	if len(heat) == 0 {
		return nil
	}
	all := make([]HeatCell, 0, len(heat))
	for row, n := range heat {
		all = append(all, HeatCell{row, n})
	}
	slices.SortFunc(all, func(a, b HeatCell) int { return a.Row - b.Row })
	return all
}
