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
	Results     []string `arg:"" help:"Results that were written by --json, of testers that drove one service together." type:"path"`
	JSON        string   `name:"json" help:"Write the merged result as JSON; - is the standard output." placeholder:"FILE"`
	CSV         string   `name:"csv" help:"Write a line of CSV for each second." placeholder:"FILE"`
	OpenMetrics string   `name:"openmetrics" help:"Write the seconds as OpenMetrics, with their times." placeholder:"FILE"`
	Report      string   `help:"Write a page of all of them together." placeholder:"FILE.html"`
	SVG         string   `name:"svg" help:"Write the report's charts alone, as a picture." placeholder:"FILE.svg"`
}

// Run merges, tells the result, and fails when an SLO was missed by all together.
func (m *merge) Run(out io.Writer) error {
	o := outputs{json: m.JSON, csv: m.CSV, openMetrics: m.OpenMetrics, report: m.Report, svg: m.SVG}
	if err := o.check(); err != nil {
		return err
	}
	all := make([]summary.Result, len(m.Results))
	for i, name := range m.Results {
		var err error
		if all[i], err = readResult("RESULTS", name); err != nil {
			return err
		}
	}
	merged, err := summary.Merge(all)
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
