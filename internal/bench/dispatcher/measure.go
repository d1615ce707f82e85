package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/command"
)

type measureFlags struct {
	Root       string   `default:"../.." type:"existingdir" help:"The repository: its bin/, images/ and .cache/ are used."`
	Dispatcher string   `placeholder:"FILE" type:"path" help:"The dispatcher. Default: bin/dispatcher of the repository."`
	Case       []string `placeholder:"NAME,..." help:"Measure only these: latency, throughput, slow, equal, stall, overload, idle, several, zero. Repeat the flag, or separate by commas, for more."`
	Rounds     int      `placeholder:"N" help:"How often the contenders of a case are measured, in turn with each other. Default: 3; 1 with --short."`
	Short      bool     `help:"Measure each case for seconds only: shows that it works, and roughly how it stands."`
	Out        string   `type:"path" placeholder:"FILE" help:"Where the results are written. Default: RESULTS.md beside this program's source after a whole run; else nowhere."`
}

// Validate checks what kong cannot.
func (f *measureFlags) Validate() error {
	errs := []error{command.Check(f.Rounds >= 0 && f.Rounds <= 100, "--rounds", f.Rounds, "must be 1 to 100, or 0 for the default")}
	for _, name := range f.Case {
		_, ok := caseOf(name)
		errs = append(errs, command.Check(ok, "--case", name, "must be among "+strings.Join(caseNames(), ", ")))
	}
	if info, err := os.Stat(filepath.Dir(f.Out)); f.Out != "" {
		errs = append(errs, command.Check(err == nil && info.IsDir(), "--out", f.Out, "must be a file in a folder that is there"))
	}
	return errors.Join(errs...)
}

// errMissed is a requirement that was not met.
var errMissed = errors.New("not all requirements were met")

// Run measures the cases and tells the results.
func (f *measureFlags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	b, err := f.bench(ctx, out)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }() // a temporary folder that stays is no reason to lose results
	r := &results{date: time.Now(), machine: machine.Describe(), command: f.command(), rounds: f.rounds(), versions: b.versions(ctx), unavailable: b.unavailable}
	err = stage.Open(log, func(s *stage.Stage) error {
		b.stage = s
		for _, c := range f.cases() {
			r.sections = append(r.sections, b.measure(ctx, c))
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	text := r.markdown()
	fmt.Fprint(out, "\n", text)
	if path := f.out(); path != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if r.missed() {
		return errMissed
	}
	return nil
}

// out is the file for the results; "" for a run that is no measure of the whole.
func (f *measureFlags) out() string {
	if f.Out != "" || f.Short || len(f.Case) > 0 {
		return f.Out
	}
	return filepath.Join(f.Root, "internal/bench/dispatcher/RESULTS.md")
}

// rounds are those that were asked for, else enough for a median.
func (f *measureFlags) rounds() int {
	switch {
	case f.Rounds > 0:
		return f.Rounds
	case f.Short:
		return 1
	}
	return 3
}

func (f *measureFlags) cases() []benchCase {
	if len(f.Case) == 0 {
		return cases
	}
	var chosen []benchCase
	for _, name := range f.Case {
		c, _ := caseOf(name) // Validate has found it
		chosen = append(chosen, c)
	}
	return chosen
}

// command is how this run can be repeated.
func (f *measureFlags) command() string {
	args := []string{"go -C internal/bench run ./dispatcher", fmt.Sprintf("--rounds %d", f.rounds())}
	if f.Short {
		args = append(args, "--short")
	}
	if len(f.Case) > 0 {
		args = append(args, "--case "+strings.Join(f.Case, ","))
	}
	return strings.Join(args, " ")
}
