package main

import (
	"bytes"
	"encoding/json"
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

// stdout is how a file's name says the standard output.
const stdout = "-"

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
		if name == "" || name == stdout && flag == "--json" {
			continue
		}
		if err := command.CheckWritable(flag, name); err != nil {
			return err
		}
	}
	return nil
}

// write tells the result to a person, and writes the files.
func (o outputs) write(result summary.Result, settings []report.Setting, out io.Writer) error {
	if o.json != stdout {
		if err := term.WriteResult(out, result); err != nil {
			return fmt.Errorf("write the summary: %w", err)
		}
	}
	if err := o.writeJSON(result, out); err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	page := report.Test{Result: result, Command: shell(unsecret(os.Args)), Settings: settings}
	for _, file := range []struct {
		flag, name string
		write      func(io.Writer) error
	}{
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
	if o.report == "" || o.json == stdout {
		return nil
	}
	_, err := fmt.Fprintf(out, "  %-14s%s\n", "report", o.report)
	return err
}

// writeFile writes a file whole or not at all.
func writeFile(name string, write func(io.Writer) error) error {
	var whole bytes.Buffer
	if err := write(&whole); err != nil {
		return err
	}
	return os.WriteFile(name, whole.Bytes(), 0o644)
}

func (o outputs) writeJSON(result summary.Result, out io.Writer) error {
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if o.json == stdout {
		_, err = out.Write(text)
		return err
	}
	return os.WriteFile(o.json, text, 0o644)
}
