package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/machine"
)

// Words for what became of a budget.
const (
	kept   = "kept"
	missed = "MISSED"
)

// results are rows of what, measured, budget and verdict, and what could not be measured.
type results struct {
	rows   [][]string
	absent []string
}

// atMost adds what has to be no more than a budget.
func (r *results) atMost(what string, values []float64, budget float64, unit string) {
	verdict := kept
	if figures.Median(values) > budget {
		verdict = missed
	}
	r.rows = append(r.rows, []string{what, median(values, unit), fmt.Sprintf("%.4g %s", budget, unit), verdict})
}

// plain adds what has no budget.
func (r *results) plain(what string, values []float64, unit string) {
	r.rows = append(r.rows, []string{what, median(values, unit), "", ""})
}

func (r *results) missing(what, why string) { r.absent = append(r.absent, what+": "+why) }

// median is the middle one of several measurements, with the least and the most where they differ.
func median(values []float64, unit string) string {
	format := "%.0f %s"
	if figures.Median(values) < 10 {
		format = "%.1f %s"
	}
	text := fmt.Sprintf(format, figures.Median(values), unit)
	if len(values) < 2 {
		return text
	}
	least, most := values[0], values[0]
	for _, v := range values {
		least, most = min(least, v), max(most, v)
	}
	return text + fmt.Sprintf(" (%.4g to %.4g)", round(least), round(most))
}

func round(v float64) float64 {
	if v >= 10 {
		return float64(int(v + 0.5))
	}
	return float64(int(v*10+0.5)) / 10
}

// take reads what another target measured: lines of what, measured, budget and verdict, by tabs.
func (r *results) take(file, by string) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		r.missing("what "+by+" measures", "run it before, and it writes "+file[strings.LastIndex(file, "out/"):])
		return
	}
	if err != nil {
		r.missing("what "+by+" measures", err.Error())
		return
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(cells) != 4 {
			r.missing("a line of "+file, fmt.Sprintf("it has %d cells, not 4", len(cells)))
			continue
		}
		r.rows = append(r.rows, cells)
	}
}

func (r *results) markdown(now time.Time, short bool) string {
	var page strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&page, format+"\n", args...) }
	made := "make budgets"
	if short {
		made += " SHORT=1"
	}
	say("# The binaries and their budgets\n")
	say("Written by `%s` on %s, on %s.\n", made, now.UTC().Format("2006-01-02 15:04 MST"), machine.Describe())
	say("%s", figures.Grid(append([][]string{{"what", "measured", "budget", ""}}, r.rows...)))
	for _, row := range r.rows {
		if row[3] == missed {
			say("Missed: %s: %s, where %s is the budget.\n", row[0], row[1], row[2])
		}
	}
	if len(r.absent) > 0 {
		say("Not measured:\n\n- %s\n", strings.Join(r.absent, "\n- "))
	}
	say("Medians of %d starts, with the least and the most. The servers run on one core, each alone, and this program on another; memory is resident memory.\n"+
		"What has 1,000 replicas is measured by make e2e, where the control plane and the Prometheus that scrapes them run on the same cores.", starts)
	return page.String()
}
