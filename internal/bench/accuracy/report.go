package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// markdown is the whole report; its tables are aligned, so that it reads as well on a terminal.
func (e evaluation) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d pictures, %d of them of the model's classes.\n\n", len(e.pictures), e.labelled())
	b.WriteString(e.overview())
	b.WriteString("\n" + e.agreements())
	if e.labelled() > 0 {
		for _, a := range e.measured {
			fmt.Fprintf(&b, "\nConfusion, %s: a row for each truth, a column for each answer.\n\n%s", a.name, e.confusionTable(a))
		}
	}
	b.WriteString("\n" + e.verdictTable())
	return b.String()
}

func (e evaluation) overview() string {
	rows := [][]string{{"", "top-1", "calibration error", "mean difference of a probability", "largest", "in"}}
	for _, a := range e.all() {
		row := []string{a.name, "", "", "", "", ""}
		if e.labelled() > 0 {
			row[1], row[2] = fmt.Sprintf("%.2f %%", e.top1(a)), fmt.Sprintf("%.4f", e.calibrationError(a))
		}
		if e.reference != nil && a.name != e.reference.name {
			mean, most, worst := difference(a, *e.reference)
			row[3], row[4], row[5] = fmt.Sprintf("%.5f", mean), fmt.Sprintf("%.4f", most), e.pictures[worst].name
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func (e evaluation) agreements() string {
	all := e.all()
	rows := [][]string{{"top-1 agrees with"}}
	for _, a := range all {
		rows[0] = append(rows[0], a.name)
		row := []string{a.name}
		for _, b := range all {
			row = append(row, fmt.Sprintf("%.2f %%", agreement(a, b)))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func (e evaluation) confusionTable(a answers) string {
	rows := [][]string{append([]string{""}, e.classes...)}
	for truth, counts := range e.confusion(a) {
		row := []string{e.classes[truth]}
		for _, n := range counts {
			row = append(row, strconv.Itoa(n))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func (e evaluation) verdictTable() string {
	rows := [][]string{{"budget", "measured", ""}}
	for _, v := range e.verdicts() {
		word := "missed"
		switch {
		case v.open != "":
			word = "not judged: " + v.open
		case v.kept:
			word = "kept"
		}
		rows = append(rows, []string{v.budget, v.found, word})
	}
	return table(rows)
}

// table is rows as Markdown, the first one as the heading, with columns of even width.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", widths[j], cell)
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, w := range widths {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}
