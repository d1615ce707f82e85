package main

import (
	"fmt"
	"io"
	"strings"

	"resnet-autoscaling/internal/report"
	"resnet-autoscaling/internal/summary"
)

// merge makes one result of several.
type merge struct {
	Results     []string      `arg:"" help:"Results that were written by --json, of testers that drove one service together. A file may hold several; - is the standard input."`
	SLO         []summary.SLO `name:"slo" sep:"," help:"An objective that all of them together have to keep, besides those that each had; missing one is exit code 1." placeholder:"SLO"`
	JSON        string        `name:"json" help:"Write the merged result as JSON; - is the standard output." placeholder:"FILE"`
	CSV         string        `name:"csv" help:"Write a line of CSV for each second." placeholder:"FILE"`
	OpenMetrics string        `name:"openmetrics" help:"Write the seconds as OpenMetrics, with their times." placeholder:"FILE"`
	Report      string        `help:"Write a page of all of them together." placeholder:"FILE.html"`
	SVG         string        `name:"svg" help:"Write the report's charts alone, as a picture." placeholder:"FILE.svg"`
}

// Run merges, tells the result, and fails when an SLO was missed by all together.
func (m *merge) Run(out io.Writer) error {
	o := outputs{json: m.JSON, csv: m.CSV, openMetrics: m.OpenMetrics, report: m.Report, svg: m.SVG}
	if err := o.check(); err != nil {
		return err
	}
	var all []summary.Result
	for _, name := range m.Results {
		some, err := readResults("RESULTS", name)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	merged, err := summary.Merge(all, m.SLO...)
	if err != nil {
		return err
	}
	settings := []report.Setting{
		{Name: "Testers", Value: fmt.Sprint(len(all))},
		{Name: "Profile of each", Value: merged.Profile},
		{Name: "Results", Value: strings.Join(m.Results, ", ")},
	}
	if err := o.write(merged, settings, out); err != nil {
		return err
	}
	if !merged.Kept() {
		return errSLO
	}
	return nil
}
