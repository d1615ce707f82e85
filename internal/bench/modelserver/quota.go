package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/process"
)

const (
	// spareConnections are those beyond a server's slots: enough that no slot ever waits for work, few enough for its queue.
	spareConnections = 3
	quotaWarmUp      = 2 * time.Second
)

type quotaFlags struct {
	product
	Cpus      []command.CPU `default:"0.25,0.5,1,2" placeholder:"CPUS,..." help:"The CPU quotas, each for a server of its own."`
	Length    time.Duration `default:"20s" help:"How long each server is loaded, over as many connections as it has slots and 3 more."`
	Tolerance float64       `default:"10" help:"By how much in percent the stated capacity may differ from what is reached: the exit code is 1 where it differs more."`
}

// Validate checks what kong cannot.
func (f *quotaFlags) Validate() error {
	errs := []error{
		command.Check(f.Length >= time.Second && f.Length <= time.Hour, "--length", f.Length, "must be 1s to 1h"),
		command.Check(f.Tolerance >= 0 && f.Tolerance <= 100, "--tolerance", f.Tolerance, "must be 0 to 100"),
	}
	if may, err := machine.UsableCores(); err == nil { // where that is not known, Run fails and says why
		for _, cpus := range f.Cpus {
			errs = append(errs, command.Check(float64(cpus) <= float64(len(may)), "--cpus", cpus, fmt.Sprintf("must be at most %d, which is what this machine has", len(may))))
		}
	}
	return errors.Join(errs...)
}

// errOff is a capacity that does not hold.
var errOff = errors.New("a stated capacity is off by more than the tolerance")

// Run measures each quota, and judges.
func (f *quotaFlags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	w, err := f.workplace()
	if err != nil {
		return err
	}
	photos, err := f.photos()
	if err != nil {
		return err
	}
	rows, err := f.measure(ctx, w, photos, log)
	if err != nil {
		return err
	}
	fmt.Fprint(out, figures.Grid(quotaTable(rows)), quotaWords, rough(rows))
	if slices.ContainsFunc(rows, func(r quotaRow) bool { return r.off() > f.Tolerance }) {
		return errOff
	}
	return nil
}

func (f *quotaFlags) measure(ctx context.Context, w workplace, photos []photo, log *slog.Logger) (rows []quotaRow, err error) {
	may, err := machine.UsableCores()
	if err != nil {
		return nil, err
	}
	err = stage.Open(log, func(s *stage.Stage) error {
		if !s.ByKernel() {
			return errors.New("the kernel's CPU quotas are what is measured, and none can be set here: it takes root, or a systemd that shares CPU out to its users")
		}
		r := quotaRun{w: w, stage: s, photos: photos, length: f.Length, cores: may}
		for _, cpus := range f.Cpus {
			row, err := r.measure(ctx, float64(cpus))
			if err != nil {
				return fmt.Errorf("%g CPUs: %w", cpus, err)
			}
			rows = append(rows, row)
		}
		return nil
	})
	return rows, err
}

// quotaRun measures servers under quotas, one after another.
type quotaRun struct {
	w      workplace
	stage  *stage.Stage
	photos []photo
	length time.Duration
	cores  []int
	count  atomic.Uint64
}

func (r *quotaRun) measure(ctx context.Context, cpus float64) (row quotaRow, err error) {
	v, err := r.w.launch(ctx, r.stage, asDeployed("quota-"+strconv.FormatFloat(cpus, 'g', -1, 64)), func(p *stage.Program) { p.CPUs = cpus })
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, v.Stop()) }()
	before, err := v.capability(ctx)
	if err != nil {
		return row, err
	}
	if want := max(1, int(cpus)); before.Slots != want {
		return row, fmt.Errorf("the server has %d slots, and would have %d had it found its quota", before.Slots, want)
	}
	row = quotaRow{cpus: cpus, slots: before.Slots, connections: before.Slots + spareConnections, machine: len(r.cores), start: before.CapacityRPS}
	l := load{asking: form, url: v.url, photos: r.photos, count: &r.count}
	l.run(ctx, row.connections, quotaWarmUp)
	shares := r.shares(v)
	o := l.run(ctx, row.connections, r.length)
	row.shares = shares()
	if ctx.Err() != nil {
		return row, ctx.Err()
	}
	if o.lost > 0 || len(o.latencies) == 0 {
		return row, fmt.Errorf("%d requests were lost: %s", o.lost, o.failure)
	}
	after, err := v.capability(ctx)
	row.end, row.reached = after.CapacityRPS, o.rate()
	return row, err
}

// shares begins to measure who uses the machine's cores; calling what it returns ends it.
func (r *quotaRun) shares(v *server) func() shares {
	read := func() (server, load, all time.Duration) {
		for _, core := range r.cores {
			all += machine.Busy(core)
		}
		server, _ = v.Process.CPUTime() // of one that ended, the load tells
		return server, process.CPUTime(), all
	}
	begin := time.Now()
	server, load, all := read()
	return func() shares {
		wall := time.Since(begin).Seconds()
		serverNow, loadNow, allNow := read()
		s := shares{server: (serverNow - server).Seconds() / wall, load: (loadNow - load).Seconds() / wall}
		s.others = max(0, (allNow-all).Seconds()/wall-s.server-s.load)
		return s
	}
}

// shares are cores' worth of CPU time that were used.
type shares struct{ server, load, others float64 }

// quotaRow is what a server stated and reached under one quota.
type quotaRow struct {
	cpus               float64
	slots, connections int
	machine            int     // cores
	start, end         float64 // pictures per second as stated before and after the load
	reached            float64
	shares
}

// left is how much of the quota the machine could give: what others and the load took of its cores, the server could not have.
func (r quotaRow) left() float64 { return min(r.cpus, float64(r.machine)-r.load-r.others) }

// of is a stated capacity as a multiple of what was reached, and the same for the part of it that the machine could give.
func (r quotaRow) of(stated float64) (whole, left float64) {
	whole = stated / r.reached
	return whole, whole * r.left() / r.cpus
}

// off is by how much in percent the worse of the two stated capacities misses what the machine could give.
func (r quotaRow) off() float64 {
	_, start := r.of(r.start)
	_, end := r.of(r.end)
	return 100 * max(start-1, 1-start, end-1, 1-end)
}

const quotaWords = `
Capacities and what was reached are pictures/s; server, load and others are the CPU time that each used, in cores. left is how much of
the quota the machine could give: less than all of it where the load and others took of the same cores. Stated ÷ reached is told at the
start and after the load; what is off, in percent, is judged by that for what was left.
`

// rough says which figures others' work on the machine has blurred.
func rough(rows []quotaRow) string {
	var quotas []string
	for _, r := range rows {
		if r.cpus+r.load+r.others > float64(r.machine) {
			quotas = append(quotas, strconv.FormatFloat(r.cpus, 'g', -1, 64))
		}
	}
	if quotas == nil {
		return ""
	}
	return "Rough, since others and the load wanted what was the server's: " + strings.Join(quotas, ", ") + ".\n"
}

func quotaTable(rows []quotaRow) [][]string {
	table := [][]string{{
		"quota", "slots", "connections", "stated at start", "after", "reached", "stated ÷ reached", "server", "load", "others", "left", "stated ÷ reached for that", "off",
	}}
	for _, r := range rows {
		number := func(format string, of float64) string { return fmt.Sprintf(format, of) }
		wholeStart, leftStart := r.of(r.start)
		wholeEnd, leftEnd := r.of(r.end)
		table = append(table, []string{
			number("%g", r.cpus), strconv.Itoa(r.slots), strconv.Itoa(r.connections), number("%.1f", r.start), number("%.1f", r.end), number("%.1f", r.reached),
			fmt.Sprintf("%.3f, %.3f", wholeStart, wholeEnd), number("%.3f", r.server), number("%.3f", r.load), number("%.3f", r.others), number("%.3f", r.left()),
			fmt.Sprintf("%.3f, %.3f", leftStart, leftEnd), number("%.1f %%", r.off()),
		})
	}
	return table
}
