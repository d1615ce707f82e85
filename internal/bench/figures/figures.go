// Package figures boils measurements down and sets them out.
package figures

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Ratios are those of two figures of the same rounds.
func Ratios(a, b []float64) []float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, a[i]/b[i])
	}
	return all
}

// Median is NaN of nothing.
func Median(all []float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Milliseconds is a duration for a table.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Grid is a Markdown table that reads well as it is.
func Grid(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	line := func(row []string, fill string) {
		for i, cell := range row {
			fmt.Fprintf(&text, "|%s%s%s%s", fill, cell, strings.Repeat(fill, widths[i]-utf8.RuneCountInString(cell)), fill)
		}
		text.WriteString("|\n")
	}
	line(rows[0], " ")
	line(make([]string, len(rows[0])), "-")
	for _, row := range rows[1:] {
		line(row, " ")
	}
	return text.String()
}
