package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/summary"
	"resnet-autoscaling/internal/term"
)

// compare holds a result against a baseline.
type compare struct {
	Baseline           string  `arg:"" help:"Result that was written by --json, to hold the other one against."`
	Result             string  `arg:"" help:"Result that is judged."`
	MaxLatencyRatio    float64 `default:"1.1" help:"A latency, p50 to p99.9, may be so many times the baseline's."`
	MinThroughputRatio float64 `default:"0.95" help:"Throughput must be at least so much of the baseline's: good answers per busy replica, else as a share of the requests."`
	MaxErrorPoints     float64 `default:"0.1" help:"The share of errors may be so many percentage points higher."`
	JSON               bool    `name:"json" help:"Tell it as JSON."`
}

var errRegression = errors.New("it is worse than the baseline")

// Validate keeps tolerances to what makes sense.
func (c *compare) Validate() error {
	return errors.Join(
		command.Check(c.MaxLatencyRatio > 0, "--max-latency-ratio", c.MaxLatencyRatio, "must be above 0"),
		command.Check(c.MinThroughputRatio > 0, "--min-throughput-ratio", c.MinThroughputRatio, "must be above 0"),
		command.Check(c.MaxErrorPoints >= 0, "--max-error-points", c.MaxErrorPoints, "must not be below 0"),
	)
}

// Run compares, and fails on a regression.
func (c *compare) Run(out io.Writer) error {
	baseline, err := readResult("BASELINE", c.Baseline)
	if err != nil {
		return err
	}
	now, err := readResult("RESULT", c.Result)
	if err != nil {
		return err
	}
	told := summary.Compare(baseline, now, summary.Tolerance{
		LatencyRatio: c.MaxLatencyRatio, ThroughputRatio: c.MinThroughputRatio, ErrorPoints: c.MaxErrorPoints,
	})
	if c.JSON {
		err = command.WriteJSON(out, told)
	} else {
		err = term.WriteComparison(out, told)
	}
	if err != nil {
		return err
	}
	if told.Regressed() {
		return errRegression
	}
	return nil
}

// readResult reads the one result that --json wrote to a file.
func readResult(argument, name string) (summary.Result, error) {
	all, err := readResults(argument, name)
	if err == nil && len(all) > 1 {
		err = &command.Misuse{Flag: argument, Value: name, Rule: fmt.Sprintf("must be one result, and has %d: merge them first", len(all))}
	}
	if err != nil {
		return summary.Result{}, err
	}
	return all[0], nil
}

// readResults reads what --json wrote, once or several times, one behind the other.
func readResults(argument, name string) (all []summary.Result, err error) {
	file := os.Stdin
	if name != standard {
		if file, err = os.Open(name); err != nil {
			return nil, notAResult(argument, name, err)
		}
		defer file.Close()
	}
	for text := json.NewDecoder(file); ; {
		var r summary.Result
		err := text.Decode(&r)
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all, nil
		}
		if err == nil && r.Profile == "" {
			err = errors.New("it has no profile")
		}
		if err != nil {
			return nil, notAResult(argument, name, err)
		}
		all = append(all, r)
	}
}

// standard is how a file's name says the standard input, or output.
const standard = "-"

func notAResult(argument, name string, err error) error {
	return &command.Misuse{Flag: argument, Value: name, Rule: "must be a result that --json wrote: " + err.Error()}
}
