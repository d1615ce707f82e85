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
	"resnet-autoscaling/internal/command"
)

// mostTime bounds the measuring: a round that would not end in it is not begun.
const mostTime = 25 * time.Minute

type compareFlags struct {
	product
	Rounds  int      `default:"3" help:"How often each server is started and measured, in turn with the others."`
	Seconds float64  `default:"8" help:"How long each server is loaded over 4 connections in each round, and half of that over 8."`
	Only    []string `placeholder:"NAME,..." help:"Measure only these, by their name or by what stands before its precision: model-server,original,openvino-int8. What a picture costs without HTTP is always measured."`
	Out     string   `default:"RESULTS.md" type:"path" placeholder:"FILE" help:"Where the table is written."`
	Python  string   `default:"python3.11" help:"The Python that the peers get: their versions are pinned for 3.11."`
}

// Validate checks what kong cannot.
func (f *compareFlags) Validate() error {
	return errors.Join(
		command.Check(f.Rounds >= 1 && f.Rounds <= 100, "--rounds", f.Rounds, "must be 1 to 100"),
		command.Check(f.Seconds >= 0.5 && f.Seconds <= 120, "--seconds", f.Seconds, "must be 0.5 to 120"),
	)
}

// Run measures and writes the results.
func (f *compareFlags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	w, err := f.workplace()
	if err != nil {
		return err
	}
	photos, err := f.photos()
	if err != nil {
		return err
	}
	if err := mayWrite("--out", f.Out); err != nil {
		return err
	}
	results, err := f.results(w)
	if err != nil {
		return err
	}
	results.setPhotos(f.folder(), photos)
	results.install(ctx, installer{w: w, python: f.Python, out: out})
	err = w.onStage(log, func(s theatre) error {
		results.cores = s.cores
		r := runner{theatre: s, photos: photos, seconds: f.Seconds, out: out}
		return r.rounds(ctx, f.Rounds, results)
	})
	if err != nil {
		return err
	}
	text := results.markdown()
	fmt.Fprint(out, "\n", text)
	return os.WriteFile(f.Out, []byte(text), 0o644)
}

// results are rows to fill, one for each contender that was chosen.
func (f *compareFlags) results(w workplace) (*results, error) {
	chosen, err := choose(contenders(), f.Only)
	if err != nil {
		return nil, err
	}
	results := &results{date: time.Now(), machine: machine.Describe(), seconds: f.Seconds, command: f.command(), w: w}
	for _, c := range chosen {
		row := &row{contender: c}
		if !w.has(c.precision) {
			row.reason = fmt.Sprintf("models/%s has no %s file", filepath.Base(w.model), c.precision)
		}
		results.rows = append(results.rows, row)
	}
	return results, nil
}

// command is how this run can be repeated.
func (f *compareFlags) command() string {
	args := []string{"go -C internal/bench run ./modelserver", fmt.Sprintf("--rounds %d --seconds %g", f.Rounds, f.Seconds)}
	if images, err := filepath.Rel(filepath.Join(f.Root, "internal/bench"), f.Images); f.Images != "" && err == nil {
		args = append(args, "--images", images)
	}
	if len(f.Only) > 0 {
		args = append(args, "--only", strings.Join(f.Only, ","))
	}
	return strings.Join(args, " ")
}
