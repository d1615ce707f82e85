package report

import (
	"fmt"
	"math"
	"strings"

	"resnet-autoscaling/internal/summary"
)

// shades is how many steps the heat map has from few answers to many.
const shades = 6

// heatPanel shows all good answers by latency: what no percentile tells, such as two groups of them.
func heatPanel(t timeline) panel {
	p := panel{ID: "heat", Title: "Every good answer"}
	low, high, most := t.heatExtent()
	if most == 0 {
		p.Empty = "No request got a good answer, so there is no latency to show."
		return p
	}
	f := frame{end: t.end, height: 170, y: decades(summary.HeatFrom(low), summary.HeatFrom(high+1))}
	p.Unit = fmt.Sprintf("by latency, logarithmic; darkest: %s in %s", plural(most, "answer"), stretch(float64(t.width)))
	p.Desc = fmt.Sprintf("Answers took from %s to %s.", milliseconds(summary.HeatFrom(low)), milliseconds(summary.HeatFrom(high+1)))
	for level := range shades {
		if d := f.cells(t, low, high, func(n int64) bool { return shade(n, most) == level+1 }); d != "" {
			p.Shapes = append(p.Shapes, shape{fmt.Sprintf("heat heat%d", level+1), d})
		}
	}
	p.Labels = []endLabel{{Class: "count", Value: "fast below, slow above", Top: 0}}
	return p.finish(f, milliseconds)
}

func (t timeline) heatExtent() (low, high int, most int64) {
	low, high = math.MaxInt, 0
	for _, b := range t.buckets {
		for row, n := range b.heat {
			low, high, most = min(low, row), max(high, row), max(most, n)
		}
	}
	return low, high, most
}

// shade grows with the root of the count, so that a few slow answers are seen beside many fast ones.
func shade(n, most int64) int {
	if n == 0 {
		return 0
	}
	return max(1, int(math.Ceil(shades*math.Sqrt(float64(n)/float64(most)))))
}

// cells are the rectangles of one shade; neighbours in a row are one.
func (f frame) cells(t timeline, low, high int, of func(int64) bool) string {
	var d strings.Builder
	for row := low; row <= high; row++ {
		top, foot := f.top(summary.HeatFrom(row+1)), f.top(summary.HeatFrom(row))
		for i := 0; i < len(t.buckets); i++ {
			first := i
			for i < len(t.buckets) && t.buckets[i].heat[row] > 0 && of(t.buckets[i].heat[row]) {
				i++
			}
			if i > first {
				fmt.Fprintf(&d, "M%s %sH%sV%sH%sZ", short(f.x(t.buckets[first].from)), short(foot), short(f.x(t.buckets[i-1].to)), short(top), short(f.x(t.buckets[first].from)))
			}
		}
	}
	return d.String()
}

// decades is a logarithmic scale from one value to another, with round ticks inside it.
func decades(low, high float64) scale {
	width := math.Log10(high / low)
	return scale{log: true, low: low, high: high, ticks: logTicks(roundStep(low), high, func(digit int) bool { return width <= 1.8 || digit == 1 })}
}
