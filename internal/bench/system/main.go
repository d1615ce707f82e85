// Command system soaks the whole system: the real binaries, run by `local up`, under a mixed load, while a seeded fault injector kills,
// stops, slows and starves them. A ledger compares every request sent with every answer received.
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

	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/command"
)

var about = command.About{
	Name: "soak",
	Description: `Runs the whole system on this machine, as local up does, and breaks it under load: replicas are killed, stopped, slowed and
robbed of file descriptors, a model file is corrupted before a restart, the dispatcher is killed, restarted, stopped and robbed of file
descriptors, Prometheus is killed, stopped and left without disk, the Kubernetes API stands still, and Prometheus' clock runs away from the
autoscaler's. The seed decides what happens when.

Every request has an id and a known answer. One that gets none, two or a wrong one is an entry that does not balance, and so is an error that
no fault of that moment explains. In the end all has to be as before: every replica ready, nothing in flight, goroutines and files given
back, memory flat, and no process left behind.

A client here does what README tells clients to do: it sends a request again when the connection breaks, and after Retry-After when it is
refused, for a minute and a half. What a dispatcher holds dies with it; so a connection may break while one is dead, and at no other time.`,
}

type flags struct {
	command.Common
	Root        string        `default:"../.." type:"existingdir" help:"The repository: its bin/, deploy/, models/, images/ and .cache/ are used."`
	Out         string        `placeholder:"DIR" type:"path" help:"Folder of the result, the report and the logs; what is there is replaced. Default: out/soak of the repository."`
	Seed        uint64        `default:"1" help:"Decides what breaks when, and what is asked."`
	Length      time.Duration `default:"20m" help:"How long the load lasts."`
	Rate        float64       `placeholder:"RPS" help:"The load's unit. Default: what one replica does with the sample pictures; the load goes from 0.5 to 2 times that."`
	Replicas    int           `default:"2" help:"Fewest replicas."`
	MaxReplicas int           `default:"5" help:"Most replicas."`
}

// Validate checks what kong cannot.
func (f *flags) Validate() error {
	return errors.Join(
		command.Check(f.Length >= 30*time.Second && f.Length <= 7*24*time.Hour, "--length", f.Length, "must be 30s to 168h"),
		command.Check(f.Rate >= 0 && f.Rate <= 1e4, "--rate", f.Rate, "must be 0 to 10000, 0 being the default"),
		command.Check(f.Replicas >= 2, "--replicas", f.Replicas, "must be at least 2: the others serve while one is away"),
		command.Check(f.MaxReplicas >= f.Replicas, "--max-replicas", f.MaxReplicas, "must be at least --replicas"),
	)
}

func main() { os.Exit(command.Run(about, &flags{}, os.Args[1:], os.Stdout, os.Stderr)) }

// errUnbalanced is a system that did not stand it.
var errUnbalanced = errors.New("the ledger does not balance, or the system is not as before")

// Run breaks the system, and judges.
func (f *flags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	p, err := preparePlace(f.Root, f.Out)
	if err != nil {
		return err
	}
	var r result
	err = stage.Open(log, func(s *stage.Stage) error {
		r, err = f.soak(ctx, s, p, out)
		return err
	})
	if err = errors.Join(err, p.leave()); err != nil {
		return fmt.Errorf("%w (logs are in %s)", err, p.out)
	}
	fmt.Fprint(out, r.text())
	if err := r.write(p.out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nReport: %s   result: %s\n", filepath.Join(p.out, reportName), filepath.Join(p.out, resultName))
	if len(r.Faults) > 0 {
		return fmt.Errorf("%w: %s", errUnbalanced, strings.Join(r.Faults, "; "))
	}
	return nil
}

// soak takes the system through it, from its start to its end.
func (f *flags) soak(ctx context.Context, s *stage.Stage, p *place, out io.Writer) (result, error) {
	y, err := startSystem(ctx, s, p, f.Replicas, f.MaxReplicas)
	if err != nil {
		return result{}, err
	}
	o := newOrdeal(y, p, f.Seed, f.Length)
	o.tell = func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	r, err := o.run(ctx, f.Rate)
	if err = errors.Join(err, y.end(ctx)); err != nil {
		return r, err
	}
	r.Faults = append(r.Faults, y.leftovers()...)
	return r, nil
}
