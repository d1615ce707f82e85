package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// panel is one of the drawings over the shared time axis. Its SVG is breadth units wide, stretched to the page, and Height high, not
// stretched; text stands beside it as HTML, so that it keeps its size on any screen.
type panel struct {
	ID, Title, Unit string
	Empty           string // why there is nothing to draw; "": there is
	Desc            string // what it shows, for who cannot see it
	Height          int
	YTicks          []tick
	Grid            string
	Shapes          []shape
	Labels          []endLabel
}

// breadth is the width of the drawings in their own units.
const breadth = 1000

// shape is an SVG path with the class that the style sheet knows.
type shape struct{ Class, D string }

// endLabel names a line where it ends.
type endLabel struct {
	Class, Name, Value string
	Top                int // pixels from the panel's top
}

// frame maps time and values into a panel.
type frame struct {
	end    float64 // seconds
	height float64
	y      scale
}

func (f frame) xy(seconds, value float64) string {
	return fmt.Sprintf("%s %s", short(f.x(seconds)), short(f.top(value)))
}

func (f frame) x(seconds float64) float64 { return breadth * seconds / f.end }
func (f frame) top(value float64) float64 { return f.height * (1 - f.y.at(value)) }

// short is a coordinate to a tenth.
func short(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}

// line joins the middles of the stretches, and spans the first and the last to their ends: so a single point is seen too.
func (f frame) line(c curve) string {
	var d strings.Builder
	for _, run := range c {
		first, last := run[0], run[len(run)-1]
		d.WriteString("M" + f.xy(first.from, first.value))
		for _, p := range run {
			d.WriteString("L" + f.xy((p.from+p.to)/2, p.value))
		}
		d.WriteString("L" + f.xy(last.to, last.value))
	}
	return d.String()
}

// below is the ground below what draw draws.
func (f frame) below(draw func(curve) string, c curve) string {
	var d strings.Builder
	for _, run := range c {
		fmt.Fprintf(&d, "%sV%sH%sZ", draw(curve{run}), short(f.height), short(f.x(run[0].from)))
	}
	return d.String()
}

// band is the ground between two lines over the same stretches.
func (f frame) band(upper, lower curve) string {
	var d strings.Builder
	for i, run := range upper {
		back := slices.Clone(lower[i])
		slices.Reverse(back)
		d.WriteString(f.line(curve{run}))
		d.WriteString("L" + f.xy(back[0].to, back[0].value))
		for _, p := range back {
			d.WriteString("L" + f.xy((p.from+p.to)/2, p.value))
		}
		last := back[len(back)-1]
		d.WriteString("L" + f.xy(last.from, last.value) + "Z")
	}
	return d.String()
}

// filled is a curve as draw draws it, with the ground below it.
func (f frame) filled(class string, draw func(curve) string, c curve) []shape {
	return []shape{{class + " area", f.below(draw, c)}, {class + " line", draw(c)}}
}

// steps holds each value until the next.
func (f frame) steps(c curve) string {
	var d strings.Builder
	for _, run := range c {
		d.WriteString("M" + f.xy(run[0].from, run[0].value))
		for _, p := range run {
			fmt.Fprintf(&d, "V%sH%s", short(f.top(p.value)), short(f.x(p.to)))
		}
	}
	return d.String()
}

// bars stand side by side on a base line. A value above 0 is always seen.
func (f frame) bars(points []point, base, height, highest float64) string {
	const least = 2
	var d strings.Builder
	for _, p := range points {
		if p.value <= 0 {
			continue
		}
		h := max(least, height*p.value/highest)
		w := max(least, f.x(p.to)-f.x(p.from)-0.6)
		fmt.Fprintf(&d, "M%s %sv-%sh%sv%sZ", short(min(f.x(p.from), breadth-w)), short(base), short(h), short(w), short(h))
	}
	return d.String()
}

// grid is the hairlines of both axes.
func (f frame) grid(y []tick) string {
	var d strings.Builder
	for _, t := range y {
		fmt.Fprintf(&d, "M0 %sH%d", short(f.height*(1-t.At/100)), breadth)
	}
	for _, t := range timeTicks(f.end) {
		fmt.Fprintf(&d, "M%s 0V%s", short(breadth*t.At/100), short(f.height))
	}
	return d.String()
}

// lineHeight of an end label, in pixels.
const lineHeight = 18

// spread moves labels apart that would cover each other, as little as it can, and keeps them beside the panel.
func spread(labels []endLabel, height int) []endLabel {
	slices.SortStableFunc(labels, func(a, b endLabel) int { return a.Top - b.Top })
	for i := range labels {
		labels[i].Top = max(0, labels[i].Top-lineHeight/2)
		if i > 0 {
			labels[i].Top = max(labels[i].Top, labels[i-1].Top+lineHeight)
		}
	}
	floor := height - lineHeight + 4
	for i := len(labels) - 1; i >= 0; i-- {
		labels[i].Top = min(labels[i].Top, floor)
		floor = labels[i].Top - lineHeight
	}
	return labels
}

func (f frame) label(class, name, value string, at float64) endLabel {
	return endLabel{Class: class, Name: name, Value: value, Top: int(math.Round(f.top(at)))}
}

// ends names a curve where it ends, by its last value.
func (f frame) ends(class, name string, c curve) endLabel {
	return f.label(class, name, significant(c.last()), c.last())
}

// finish gives a panel its height, its grid, and ticks with a text each.
func (p panel) finish(f frame, text func(float64) string) panel {
	p.Height, p.YTicks = int(f.height), f.y.labelled(text)
	p.Grid = f.grid(p.YTicks)
	p.Labels = spread(p.Labels, p.Height)
	return p
}
