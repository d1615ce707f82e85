package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"
)

// barePeer is the folder of the script that does without HTTP.
const barePeer = "bare"

// runner measures contenders, one after another.
type runner struct {
	theatre
	photos  []photo
	seconds float64
	out     io.Writer
	count   atomic.Uint64
	want    []expected
}

// sample is one round of one contender.
type sample struct {
	started time.Duration
	memory  int64
	loads   []measured // one for each of connections
}

// measured is a load, and what it cost.
type measured struct {
	outcome
	cpu     time.Duration // of the server
	foreign float64       // the share of the server's core that others took
}

// rounds fills the rows. A contender that fails, or answers wrongly, is out from then on.
func (r *runner) rounds(ctx context.Context, n int, all *results) error {
	if err := r.expect(ctx, all); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%d servers, %d rounds: about %v.\n", len(all.rows), n, r.estimate(n*len(all.rows)).Round(time.Minute))
	begin := time.Now()
	for round := range n {
		if spent := time.Since(begin); round > 0 && spent+spent/time.Duration(round) > mostTime {
			fmt.Fprintf(r.out, "After %d rounds there is no time for another one within %v.\n", round, mostTime)
			return nil
		}
		all.rounds = round + 1
		// Each round begins with another server, so that no one always follows the same.
		order := slices.Concat(all.rows[round%len(all.rows):], all.rows[:round%len(all.rows)])
		for _, row := range order {
			if err := r.fill(ctx, row, fmt.Sprintf("round %d/%d", round+1, n)); err != nil {
				return err
			}
		}
		if err := r.bare(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// estimate is about how long it takes to measure n times: starting and stopping is 4 s, warming up and loading is by the flags.
func (r *runner) estimate(n int) time.Duration {
	return time.Duration(float64(n) * (4 + 2*r.seconds) * float64(time.Second))
}

// fill adds a sample to a row that is still in. Its error is only that of ctx.
func (r *runner) fill(ctx context.Context, row *row, round string) error {
	if row.reason != "" {
		return nil
	}
	s, err := r.measure(ctx, row.contender)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		row.reason, row.samples = err.Error(), nil
		fmt.Fprintf(r.out, "%s  %-20s %v\n", round, row.name, err)
		return nil
	}
	row.samples = append(row.samples, s)
	r.tell(fmt.Sprintf("%s  %-20s", round, row.name), s)
	return nil
}

func (r *runner) tell(head string, s sample) {
	o := s.loads[0]
	fmt.Fprintf(r.out, "%s %6.1f pictures/s, CPU %5.2f ms a picture, p50 %4.0f ms, p99 %4.0f ms, %4d MB, ready after %v\n", head,
		o.rate(), figures.Milliseconds(o.perPicture()), figures.Milliseconds(o.quantile(0.5)), figures.Milliseconds(o.quantile(0.99)), s.memory/1e6, s.started.Round(10*time.Millisecond))
}

func (m measured) perPicture() time.Duration {
	return m.cpu / time.Duration(max(1, len(m.latencies)+m.late))
}

// expect asks our server what it is and what the labels are.
func (r *runner) expect(ctx context.Context, all *results) (err error) {
	chosen, err := choose(contenders(), []string{ours + "-" + fp32Precision})
	if err != nil {
		return err
	}
	v, err := r.start(ctx, chosen[0])
	if err != nil {
		return fmt.Errorf("%s: %w", chosen[0].name, err)
	}
	defer func() { err = errors.Join(err, v.Stop()) }()
	all.versions[ours] = r.ownVersions(ctx, v)
	r.want, err = r.load(v).expectations(ctx)
	return err
}

// runtimeLabel is where our metrics tell the inference library.
var runtimeLabel = regexp.MustCompile(`model_info{.*runtime="([^"]+)"`)

// ownVersions are what our server says of itself.
func (r *runner) ownVersions(ctx context.Context, v *server) (versions []string) {
	if text, err := exec.CommandContext(ctx, r.w.server, "--version").Output(); err == nil {
		versions = append(versions, strings.TrimSpace(string(text)))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+api.PathMetrics, nil)
	if err != nil {
		return versions
	}
	answer, err := patient.Do(request)
	if err != nil {
		return versions
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if found := runtimeLabel.FindSubmatch(text); err == nil && found != nil {
		versions = append(versions, string(found[1]))
	}
	return versions
}

func (r *runner) load(v *server) load {
	return load{asking: v.asking, url: v.url, photos: r.photos, count: &r.count}
}

// measure starts a contender, checks its labels, warms it up, loads it and stops it.
func (r *runner) measure(ctx context.Context, c contender) (s sample, err error) {
	v, err := r.start(ctx, c)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, v.Stop()) }()
	l := r.load(v)
	if err := l.verify(ctx, r.want); err != nil {
		return sample{}, err
	}
	length := time.Duration(r.seconds * float64(time.Second))
	l.run(ctx, connections[0], max(time.Second, length/4))
	s.started = v.Started
	for i, n := range connections {
		m := r.loaded(ctx, v, n, length>>i)
		if m.lost > 0 || len(m.latencies) == 0 {
			return sample{}, fmt.Errorf("%d requests were lost over %d connections: %s", m.lost, n, m.failure)
		}
		s.loads = append(s.loads, m)
	}
	s.memory = v.Memory()
	return s, nil
}

func (r *runner) loaded(ctx context.Context, v *server, n int, length time.Duration) measured {
	busyBefore, cpuBefore, begin := machine.Busy(r.cores.Server), v.CPU(), time.Now()
	m := measured{outcome: r.load(v).run(ctx, n, length)}
	m.cpu = v.CPU() - cpuBefore
	others := machine.Busy(r.cores.Server) - busyBefore - m.cpu
	m.foreign = max(0, others.Seconds()/time.Since(begin).Seconds())
	return m
}

// bareCost is what a picture costs without a server, in milliseconds: of the clock, and by its parts of CPU.
type bareCost struct {
	Elapsed   float64 `json:"elapsed_ms"`
	Decode    float64 `json:"decode_ms"`
	Resize    float64 `json:"resize_ms"`
	Normalise float64 `json:"normalise_ms"`
	Inference float64 `json:"inference_ms"`
}

func (b bareCost) sum() float64 { return b.Decode + b.Resize + b.Normalise + b.Inference }

// bare measures the parts of a picture for each precision, in one process that serves nobody.
func (r *runner) bare(ctx context.Context, all *results) error {
	for _, b := range all.bare {
		if b.reason != "" {
			continue
		}
		cost, err := r.bareRun(ctx, b.precision, all.folder)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			b.reason, b.samples = err.Error(), nil
			continue
		}
		b.samples = append(b.samples, cost)
		fmt.Fprintf(r.out, "           %-20s %6.1f pictures/s\n", "bare-"+b.precision, 1e3/cost.Elapsed)
	}
	return nil
}

func (r *runner) bareRun(ctx context.Context, precision, images string) (cost bareCost, err error) {
	args := []string{"-c", strconv.Itoa(r.cores.Server), r.w.python(barePeer), r.w.peers(barePeer, "bare.py"), fmt.Sprint(r.seconds / 2)}
	for _, p := range r.photos {
		args = append(args, filepath.Join(images, p.name))
	}
	var stderr bytes.Buffer
	script := exec.CommandContext(ctx, "taskset", args...)
	script.Env, script.Stderr = r.w.environment("BENCH_PRECISION="+precision), &stderr
	answer, err := script.Output()
	if err != nil {
		return bareCost{}, fmt.Errorf("%w: %s", err, stage.LastLine(stderr.String()))
	}
	err = json.Unmarshal(answer, &cost)
	return cost, err
}
