package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/command"
)

type costFlags struct {
	product
	Precision string  `default:"fp32" enum:"int8,fp32" help:"The model's file: int8 or fp32. What comes before inference is the same."`
	Batches   int     `default:"10" help:"How often each kind of request is measured, in turn with the others."`
	Save      string  `placeholder:"FILE" type:"path" help:"Keep the costs as JSON, to compare with later."`
	Against   string  `placeholder:"FILE" type:"path" help:"Compare with costs that were kept: the exit code is 1 where one has grown."`
	Tolerance float64 `default:"3" help:"The growth in percent that --against lets pass."`
}

// Validate checks what kong cannot.
func (f *costFlags) Validate() error {
	return errors.Join(
		command.Check(f.Batches >= 1 && f.Batches <= 1000, "--batches", f.Batches, "must be 1 to 1000"),
		command.Check(f.Tolerance >= 0 && f.Tolerance <= 100, "--tolerance", f.Tolerance, "must be 0 to 100"),
	)
}

// errGrown is a regression.
var errGrown = errors.New("a cost has grown")

// Run measures the costs, and compares them.
func (f *costFlags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	w, err := f.workplace()
	if err != nil {
		return err
	}
	photos, err := f.photos()
	if err != nil {
		return err
	}
	before, err := f.before()
	if err != nil {
		return err
	}
	costs, err := f.measure(ctx, w, photos, log)
	if err != nil {
		return err
	}
	fmt.Fprint(out, figures.Grid(costTable(costs, before)))
	if err := f.save(costs); err != nil {
		return err
	}
	if grown(costs, before, f.Tolerance) {
		return errGrown
	}
	return nil
}

func (f *costFlags) before() (costs []cost, err error) {
	if f.Against == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.Against)
	if err == nil {
		err = json.Unmarshal(text, &costs)
	}
	if err != nil {
		return nil, command.Check(false, "--against", f.Against, "must be a file that --save wrote: "+err.Error())
	}
	return costs, nil
}

func (f *costFlags) save(costs []cost) error {
	if f.Save == "" {
		return nil
	}
	text, err := json.MarshalIndent(costs, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(f.Save, append(text, '\n'), 0o644)
}

func (f *costFlags) measure(ctx context.Context, w workplace, photos []photo, log *slog.Logger) (costs []cost, err error) {
	if !w.has(f.Precision) {
		return nil, command.Check(false, "--precision", f.Precision, filepath.Base(w.model)+" has no such file")
	}
	chosen, err := choose(contenders(), []string{ours + "-" + f.Precision})
	if err != nil {
		return nil, err
	}
	err = w.onStage(log, func(s theatre) (err error) {
		v, err := s.start(ctx, chosen[0])
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, v.Stop()) }()
		costs, err = measureCosts(ctx, v, photos, f.Batches)
		return err
	})
	return costs, err
}

// cost is what one request of a kind costs the server.
type cost struct {
	Request      string        `json:"request"`
	CPU          time.Duration `json:"cpu_ns"`                 // of the cheapest batch: others' work only ever adds
	Instructions float64       `json:"instructions,omitempty"` // in user mode; 0: this machine does not count them
	Derived      bool          `json:"derived,omitempty"`      // a difference: it has the noise of both, so growth is not judged by it
}

// difference is what one kind of request costs more than another.
func difference(name string, more, less cost) cost {
	return cost{Request: name, CPU: more.CPU - less.CPU, Instructions: more.Instructions - less.Instructions, Derived: true}
}

func costTable(costs, before []cost) [][]string {
	table := [][]string{{"request", "CPU", "instructions"}}
	if before != nil {
		table[0] = append(table[0], "before", "change")
	}
	for _, c := range costs {
		line := []string{c.Request, fmt.Sprintf("%.3f ms", figures.Milliseconds(c.CPU)), c.instructions()}
		if old, ok := costOf(before, c.Request); ok {
			line = append(line, fmt.Sprintf("%.3f ms, %s", figures.Milliseconds(old.CPU), old.instructions()), fmt.Sprintf("%+.1f %%", growth(old, c)))
		} else if before != nil {
			line = append(line, "", "")
		}
		table = append(table, line)
	}
	return table
}

func (c cost) instructions() string {
	if c.Instructions == 0 {
		return "not supported here"
	}
	return fmt.Sprintf("%.2f million", c.Instructions/1e6)
}

func costOf(costs []cost, request string) (cost, bool) {
	for _, c := range costs {
		if c.Request == request {
			return c, true
		}
	}
	return cost{}, false
}

// growth is in percent, of the instructions where both have them, else of the CPU time.
func growth(old, now cost) float64 {
	if old.Instructions > 0 && now.Instructions > 0 {
		return 100 * (now.Instructions/old.Instructions - 1)
	}
	return 100 * (float64(now.CPU)/float64(old.CPU) - 1)
}

func grown(costs, before []cost, tolerance float64) bool {
	for _, c := range costs {
		old, ok := costOf(before, c.Request)
		if ok && !c.Derived && growth(old, c) > tolerance {
			return true
		}
	}
	return false
}
