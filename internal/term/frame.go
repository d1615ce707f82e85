package term

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"resnet-autoscaling/internal/summary"
)

// Line is a frame in one line.
func Line(f summary.Frame) string {
	parts := []string{
		fmt.Sprintf("%4.0fs", f.Elapsed.Seconds()),
		fmt.Sprintf("asked %.1f/s, served %.1f/s", f.Asked, f.Achieved),
		"p50 " + latency(f.P50) + ", p99 " + latency(f.P99),
		fmt.Sprintf("%d in flight", f.InFlight),
		"errors " + errorText(f.Errors),
	}
	if f.Replicas != nil {
		parts = append(parts, "replicas "+replicaText(*f.Replicas))
	}
	return strings.Join(parts, "  ")
}

// Lines is a frame as a screen of a width, in characters.
func Lines(f summary.Frame, width int) []string {
	lines := []string{bar(f, width-2)}
	add := func(label string, items ...string) { lines = append(lines, wrap(label, items, width)...) }
	add("rate", fmt.Sprintf("asked %.1f/s", f.Asked), fmt.Sprintf("served %.1f/s", f.Achieved), fmt.Sprintf("in flight %d", f.InFlight))
	if n := len(f.Trend); n > 0 {
		room := max(1, width-indentWidth-len("served, last 60 s")-gapWidth-1)
		add("trend", spark(f.Trend[max(0, n-room):]), fmt.Sprintf("served, last %d s", n))
	}
	add("latency", "p50 "+latency(f.P50), "p90 "+latency(f.P90), "p99 "+latency(f.P99), "p99.9 "+latency(f.P999), "(last 10 s)")
	add("requests", fmt.Sprintf("%d sent", f.Requests), fmt.Sprintf("%d answered", f.OK), "errors "+errorText(f.Errors))
	if f.Replicas != nil {
		add("replicas", replicaItems(*f.Replicas)...)
	}
	for i, line := range lines {
		if runes := []rune(line); len(runes) >= width {
			lines[i] = string(runes[:max(0, width-1)])
		}
	}
	return lines
}

// A line is a label in so much room, and items with a gap between them.
const (
	indentWidth = 12
	gapWidth    = 3
)

// spark is a row of bars as high as the values, the highest as high as can be.
func spark(values []float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	highest := 0.0
	for _, v := range values {
		highest = max(highest, v)
	}
	row := make([]rune, len(values))
	for i, v := range values {
		row[i] = bars[0]
		if highest > 0 {
			row[i] = bars[int(v/highest*float64(len(bars)-1)+0.5)]
		}
	}
	return string(row)
}

// wrap lays items out behind a label, on as many lines as the width asks for.
func wrap(label string, items []string, width int) []string {
	gap := strings.Repeat(" ", gapWidth)
	line, first := fmt.Sprintf("%-*s", indentWidth, "  "+label), true
	var lines []string
	for _, item := range items {
		switch {
		case first:
			line += item
		case utf8.RuneCountInString(line+gap+item) < width:
			line += gap + item
		default:
			lines = append(lines, line)
			line = strings.Repeat(" ", indentWidth) + item
		}
		first = false
	}
	return append(lines, line)
}

func bar(f summary.Frame, width int) string {
	left := (f.Duration - f.Elapsed).Round(time.Second)
	text := fmt.Sprintf(" %v left", left)
	switch {
	case f.Done:
		text = " done"
	case f.Elapsed < 0:
		text = fmt.Sprintf(" warming up, %v left", (-f.Elapsed).Round(time.Second))
	case left <= 0:
		text = " waiting for the last answers"
	}
	cells := max(0, width-utf8.RuneCountInString(text)-2)
	share := 1.0
	if f.Duration > 0 {
		share = min(1, max(0, float64(f.Elapsed)/float64(f.Duration)))
	}
	full := int(share * float64(cells))
	return "  " + strings.Repeat("█", full) + strings.Repeat("░", cells-full) + text
}

func latency(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d >= time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	default:
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	}
}

func replicaText(r summary.Replicas) string {
	if r.Desired < 0 || r.Desired == r.Ready {
		return fmt.Sprint(r.Ready)
	}
	return fmt.Sprintf("%d→%d", r.Ready, r.Desired)
}

// mostCells is how many replicas are drawn one by one.
const mostCells = 40

func replicaItems(r summary.Replicas) []string {
	items := []string{replicaText(r)}
	if max(r.Ready, r.Desired) <= mostCells {
		items = append(items, strings.Repeat("■", r.Ready)+strings.Repeat("□", max(0, r.Desired-r.Ready)))
	}
	if r.Queue > 0 {
		items = append(items, fmt.Sprintf("queue %d", r.Queue))
	}
	if r.CPU > 0 {
		items = append(items, fmt.Sprintf("CPU %.1f cores", r.CPU))
	}
	return items
}

func errorText(errors map[summary.Kind]int64) string {
	if len(errors) == 0 {
		return "0"
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(errors)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, errors[kind]))
	}
	return strings.Join(parts, ", ")
}

// folded lines stand in as far as what was said stands behind its time.
const foldIndent = 10

// fold breaks a line between words so that it fits a width. A word that is longer than that is left to the terminal.
func fold(line string, width int) []string {
	words := strings.Split(line, " ")
	lines := words[:1:1]
	for _, word := range words[1:] {
		last := lines[len(lines)-1]
		if utf8.RuneCountInString(last)+1+utf8.RuneCountInString(word) > width && strings.TrimSpace(last) != "" {
			lines = append(lines, strings.Repeat(" ", foldIndent)+word)
			continue
		}
		lines[len(lines)-1] = last + " " + word
	}
	return lines
}
