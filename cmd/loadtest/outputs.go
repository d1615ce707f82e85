package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/report"
	"resnet-autoscaling/internal/results"
	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/term"
)

// outputs are the files that a result is written to; "": it is not.
type outputs struct{ json, csv, openMetrics, results, report, svg string }

func (f *test) outputs() outputs {
	return outputs{json: f.JSON, csv: f.CSV, openMetrics: f.OpenMetrics, results: f.Results, report: f.Report, svg: f.SVG}
}

// check finds out now, and not after an hour of load, that a file cannot be written.
func (o outputs) check() error {
	flags := map[string]string{
		"--json": o.json, "--csv": o.csv, "--openmetrics": o.openMetrics, "--results": o.results, "--report": o.report, "--svg": o.svg,
	}
	for _, flag := range slices.Sorted(maps.Keys(flags)) {
		name := flags[flag]
		if name == "" || name == standard && flag == "--json" {
			continue
		}
		if err := command.CheckWritable(flag, name); err != nil {
			return err
		}
	}
	return nil
}

// write tells the result to a person, or as JSON where that is asked for, and writes the files.
func (o outputs) write(result summary.Result, settings []report.Setting, out io.Writer) error {
	if o.json == standard {
		if err := command.WriteJSON(out, result); err != nil {
			return fmt.Errorf("--json: %w", err)
		}
		o.json = ""
		return o.writeFiles(result, settings)
	}
	if err := term.WriteResult(out, result); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	if err := o.writeFiles(result, settings); err != nil || o.report == "" {
		return err
	}
	_, err := fmt.Fprintf(out, "  %-14s%s\n", "report", o.report)
	return err
}

func (o outputs) writeFiles(result summary.Result, settings []report.Setting) error {
	page := report.Test{Result: result, Command: shell(unsecret(os.Args)), Settings: settings}
	for _, file := range []struct {
		flag, name string
		write      func(io.Writer) error
	}{
		{"--json", o.json, func(w io.Writer) error { return command.WriteJSON(w, result) }},
		{"--csv", o.csv, func(w io.Writer) error { return results.WriteSeconds(w, result) }},
		{"--openmetrics", o.openMetrics, func(w io.Writer) error { return results.WriteOpenMetrics(w, result) }},
		{"--report", o.report, func(w io.Writer) error { return report.Write(w, page) }},
		{"--svg", o.svg, func(w io.Writer) error { return report.WriteSVG(w, page) }},
	} {
		if file.name == "" {
			continue
		}
		if err := writeFile(file.name, file.write); err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	return nil
}

// writeFile writes a file whole or not at all.
func writeFile(name string, write func(io.Writer) error) error {
	var whole bytes.Buffer
	if err := write(&whole); err != nil {
		return err
	}
	return os.WriteFile(name, whole.Bytes(), 0o644)
}
