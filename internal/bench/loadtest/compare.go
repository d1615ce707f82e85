package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// compare is the whole comparison.
type compare struct {
	Root   string        `default:"../.." type:"existingdir" help:"The repository."`
	Stall  time.Duration `default:"60s" help:"How long the stalling server is driven; whole stalls, of ten seconds each."`
	Length time.Duration `default:"10s" help:"How long every other measuring takes."`
	Out    string        `default:"loadtest/RESULTS.md" help:"Where the page is written."`
}

// bench is a comparison under way.
type bench struct {
	*workplace
	flags        *compare
	small, large form
}

// Sizes of the pictures: one that costs nothing, and one as clients send them.
const (
	smallSize = 1000
	largeSize = 100_000
)

// row is what was found of a tester. An error stands for the figures it kept from being found.
type row struct {
	tester
	stalled, cost                             told
	errStalled, errCost, errHighest, errExact error
	highest                                   float64
	exact                                     lateness
}

// Run measures and writes the page.
func (c *compare) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	w, err := newWorkplace(c.Root)
	if err != nil {
		return err
	}
	b := &bench{workplace: w, flags: c}
	if b.small, err = w.form("small", smallSize); err != nil {
		return err
	}
	if b.large, err = w.form("large", largeSize); err != nil {
		return err
	}
	before := loadAverage()
	read := "vegeta is not here to read our results."
	var rows []row
	for _, t := range w.testers(ctx) {
		r := row{tester: t}
		if t.missing == nil {
			log.Info("measuring", "tester", t.name)
			r.stalled, r.errStalled = b.stalled(ctx, t)
			r.cost, r.errCost = b.cost(ctx, t)
			r.highest, r.errHighest = b.highest(ctx, t)
			r.exact, r.errExact = b.exact(ctx, t)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rows = append(rows, r)
	}
	if vegeta := b.file("vegeta"); exists(vegeta) {
		read = b.reads(ctx, vegeta)
	}
	page := b.page(rows, read, before, loadAverage())
	fmt.Fprint(out, page)
	return os.WriteFile(c.Out, []byte(page), 0o644)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
