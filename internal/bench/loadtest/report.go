package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/machine"
)

// loadAverage is how many processes wanted a core over the last minute; "": unknown.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg") // where it is missing, nothing is said of it
	average, _, _ := strings.Cut(string(text), " ")
	return average
}

func (b *bench) page(rows []row, read, before, after string) string {
	var page strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&page, format+"\n", args...) }
	say("# The load tester and its peers, side by side\n")
	say("Written by `make bench-loadtest` on %s, on %s. %s", time.Now().UTC().Format("2006-01-02 15:04 MST"), machine.Describe(), b.coresText())
	say("Others wanted the cores too: the load average was %s at the beginning and %s at the end (without others it stays below %d).\n", before, after, runtime.NumCPU()+1)
	requests, slow, p99 := arithmetic(b.flags.Stall)
	say("## A server that stalls\n")
	say("It answers in %v, but for %v of every %v it answers nobody; %d requests a second are due for %v. By arithmetic, of %d requests %d take longer than %v, and the p99 is %.0f ms.\n",
		stallAnswer, stallFor, stallEvery, stallRate, b.flags.Stall, requests, slow, stallSlow, p99)
	say("| tester | requests | slow, of %d | p99, of %.0f ms | against the arithmetic | sent late, p99 |", slow, p99)
	say("|---|---|---|---|---|---|")
	for _, r := range rows {
		say("| %s | %s |", r.title(), r.stallCells(slow, p99))
	}
	say("\nloadtest counts from when a request was due, so that what a busy machine makes of its own schedule is in its figures, and it tells how much that is; vegeta and k6 count from when it left, and do not tell.")
	say("hey and wrk wait for an answer before they send again, over %s connections: while the server stalls they send nothing, and count one slow request for each connection.\n", connections)
	say("%s\n", read)
	say("## How much one core sends\n")
	say("A form with a picture of %d kB, to a server that only reads. CPU is that of the tester's process at %d/s, for a request; a busy machine changes it less than it changes times, but it does. The highest rate is the last one of a search of which %.0f %% was answered, from the first request to the last answer; of testers without a schedule, all they send.\n",
		largeSize/1000, costRate, 100*keptShare)
	say("| tester | CPU a request | a core would send | highest rate kept | memory at %d/s |", costRate)
	say("|---|---|---|---|---|")
	for _, r := range rows {
		say("| %s | %s |", r.title(), r.costCells())
	}
	say("\n## How exactly requests leave\n")
	say("%d a second, as the server sees them come: by how much they are off an even schedule, either way. What the server's core adds is in every line.\n", exactRate)
	say("| tester | requests | p50 | p99 | max |")
	say("|---|---|---|---|---|")
	for _, r := range rows {
		say("| %s | %s |", r.title(), r.exactCells())
	}
	say("\nwrk has no schedule, and hey spaces the requests of each of its connections.")
	return page.String()
}

func (b *bench) coresText() string {
	if b.pinned {
		return fmt.Sprintf("The testers had core %d, one at a time, and the server core %d.", b.cores.Load, b.cores.Server)
	}
	return "Testers and server shared the cores: they could not be pinned."
}

func (r row) title() string { return r.name + " " + r.version }

// failed is why there is nothing to show, as cells of a table.
func failed(err error, cells int) string {
	text := strings.ReplaceAll(err.Error(), "|", "/")
	return text + strings.Repeat(" | ", cells-1)
}

func (r row) stallCells(slow int64, p99 float64) string {
	if err := first(r.missing, r.errStalled); err != nil {
		return failed(err, 5)
	}
	t, late := r.stalled, "not told"
	if !math.IsNaN(r.stalled.lag) {
		late = fmt.Sprintf("%.2f ms", t.lag)
	}
	return fmt.Sprintf("%d | %d | %.0f ms | slow %s, p99 %s | %s", t.requests, t.slow, t.p99, against(float64(t.slow), float64(slow)), against(t.p99, p99), late)
}

// against is how far a figure is from what it should be.
func against(got, want float64) string { return fmt.Sprintf("%+.1f %%", 100*(got/want-1)) }

func (r row) costCells() string {
	if err := first(r.missing, r.errCost, r.errHighest); err != nil {
		return failed(err, 4)
	}
	each := r.cost.cpu.Seconds() / float64(max(1, r.cost.requests))
	return fmt.Sprintf("%.0f µs | %.0f/s | %.0f/s | %.0f MB", 1e6*each, 1/each, r.highest, float64(r.cost.memory)/1e6)
}

func (r row) exactCells() string {
	if err := first(r.missing, r.errExact); err != nil {
		return failed(err, 4)
	}
	if r.name == "wrk" {
		return fmt.Sprintf("%d | no schedule |  | ", r.exact.requests)
	}
	return fmt.Sprintf("%d | %.2f ms | %.2f ms | %.2f ms", r.exact.requests, r.exact.p50, r.exact.p99, r.exact.max)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
