// Command simulator holds the simulator against reality: the system runs under a load of six minutes, and the same load runs on paper, with
// what was measured of a replica. Violations, replicas and scalings of the two are set side by side.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/command"
)

var about = command.About{
	Name: "simulator",
	Description: `Runs the system with each policy, by local up, under a load that rises and falls for six minutes, and simulates the same: the
requests that came in each second, the capacity of a replica and the time that one took to start as they were measured, the policy with the
same settings. It tells whether violations, replicas and the time of each scaling differ by more than 15 %.

What was measured is kept in out/simulator of the repository; --again simulates it anew, without running the system.`,
}

type flags struct {
	command.Common
	Root   string   `default:"../.." type:"existingdir" help:"The repository: its bin/, deploy/, models/, images/ and .cache/ are used."`
	Policy []string `default:"slo,target" enum:"slo,target" help:"The policies to run: slo, target."`
	Runs   int      `default:"1" help:"How often the system runs with each policy: violations are judged by the mean of all runs, since those of one are a few seconds' chance."`
	Again  bool     `help:"Simulate what the last runs measured."`
	Out    string   `default:"RESULTS.md" type:"path" help:"The file that is written."`
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// errApart is a simulation that differs from reality.
var errApart = errors.New("the simulation differs from what was measured by more than 15 %")

// Run measures, simulates, tells and writes.
func (f *flags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	root, err := filepath.Abs(f.Root)
	if err != nil {
		return err
	}
	if f.Runs < 1 {
		return command.Check(false, "--runs", strconv.Itoa(f.Runs), "must be at least 1")
	}
	kept := filepath.Join(root, "out", "simulator")
	if !f.Again {
		if err := f.measure(ctx, log, root, kept, out); err != nil {
			return err
		}
	}
	var all []judged
	for _, policy := range f.Policy {
		j, err := judge(kept, policy)
		if err != nil {
			return err
		}
		all = append(all, j)
	}
	page := markdown(all)
	if _, err := io.WriteString(out, page); err != nil {
		return err
	}
	if err := os.WriteFile(f.Out, []byte(page), 0o644); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(j judged) bool { return len(j.apart()) > 0 }) {
		return errApart
	}
	return nil
}

// measure runs the system with each policy.
func (f *flags) measure(ctx context.Context, log *slog.Logger, root, kept string, out io.Writer) error {
	if _, err := os.Stat(filepath.Join(root, "bin", "local")); err != nil {
		return command.Check(false, "--root", root, "must be the repository, with its binaries: make setup build makes them")
	}
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return err
	}
	return stage.Open(log, func(s *stage.Stage) error {
		if !s.ByKernel() {
			return errors.New("the simulator is held against the kernel's CPU quotas, and none can be set here: it takes root, or a systemd that shares CPU out to its users")
		}
		r := rig{stage: s, root: root, dir: kept}
		for _, policy := range f.Policy {
			if err := forget(kept, policy); err != nil {
				return err
			}
			for run := range f.Runs {
				fmt.Fprintf(out, "%s: policy %s runs for %v under %s\n", time.Now().Format(time.TimeOnly), policy, length(), strings.Join(profile(1), " "))
				m, err := r.run(ctx, policy)
				if err != nil {
					return fmt.Errorf("policy %s: %w", policy, err)
				}
				m.Run = run + 1
				if err := m.write(kept); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// forget removes what earlier runs with a policy measured.
func forget(dir, policy string) error {
	files, err := filesOf(dir, policy)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}
