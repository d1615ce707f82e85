package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/report"
	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/term"
)

// stdout is how a file's name says the standard output.
const stdout = "-"

// checkOutputs finds out now, and not after an hour of load, that a file cannot be written.
func (f *flags) checkOutputs() error {
	for flag, name := range map[string]string{"--json": f.JSON, "--report": f.Report} {
		if name == "" || name == stdout && flag == "--json" {
			continue
		}
		if err := command.CheckWritable(flag, name); err != nil {
			return err
		}
	}
	return nil
}

func (f *flags) tell(result summary.Result, settings []report.Setting, out io.Writer) error {
	if f.JSON != stdout {
		if err := term.WriteResult(out, result); err != nil {
			return fmt.Errorf("write the summary: %w", err)
		}
	}
	if err := f.writeJSON(result, out); err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	if err := f.writeReport(result, settings, out); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

func (f *flags) writeJSON(result summary.Result, out io.Writer) error {
	if f.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if f.JSON == stdout {
		_, err = out.Write(text)
		return err
	}
	return os.WriteFile(f.JSON, text, 0o644)
}

func (f *flags) writeReport(result summary.Result, settings []report.Setting, out io.Writer) error {
	if f.Report == "" {
		return nil
	}
	var page bytes.Buffer
	if err := report.Write(&page, report.Test{Result: result, Command: shell(os.Args), Settings: settings}); err != nil {
		return err
	}
	if err := os.WriteFile(f.Report, page.Bytes(), 0o644); err != nil {
		return err
	}
	if f.JSON == stdout {
		return nil
	}
	_, err := fmt.Fprintf(out, "  %-10s%s\n", "report", f.Report)
	return err
}

// settings are all that a test depends on, also what came from defaults and the environment.
func (f *flags) settings(pictures []loadtest.Picture) []report.Setting {
	spacing := "even"
	if f.Poisson {
		spacing = fmt.Sprintf("Poisson, seed %d", f.Seed)
	}
	bytes := 0
	for _, p := range pictures {
		bytes += len(p.Data)
	}
	slos := make([]string, len(f.SLO))
	for i, slo := range f.SLO {
		slos[i] = slo.String()
	}
	all := []report.Setting{
		{Name: "Profile", Value: f.profile().String()},
		{Name: "Spacing", Value: spacing},
		{Name: "Pictures", Value: fmt.Sprintf("%s: %d, of %.0f kB on average", f.Images, len(pictures), float64(bytes)/float64(len(pictures))/1e3)},
		{Name: "Expected labels", Value: f.Expect},
		{Name: "Objectives", Value: strings.Join(slos, ", ")},
		{Name: "Time-out", Value: f.Timeout.String()},
		{Name: "Most in flight", Value: strconv.Itoa(f.MaxInFlight)},
		{Name: "Tester", Value: fmt.Sprintf("loadtest %s, %s, %s/%s, %d CPUs used", command.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))},
	}
	for i := range all {
		if all[i].Value == "" {
			all[i].Value = "none"
		}
	}
	return all
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shell is a command line as a POSIX shell reads it back.
func shell(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if !plain.MatchString(arg) {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
