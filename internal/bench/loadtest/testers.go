package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The peers' versions that are built from their modules.
const (
	vegetaModule = "github.com/tsenart/vegeta/v12@v12.13.0"
	k6Module     = "go.k6.io/k6@v1.8.1"
)

// load is what a tester is asked to send.
type load struct {
	url    string
	rate   float64
	length time.Duration
	form   form
	slow   time.Duration // what counts as slow
}

// told is what a tester reports. NaN: it does not.
type told struct {
	done
	due            int64 // of those without a schedule: 0
	requests, slow int64
	p99            float64 // milliseconds
	rate           float64 // good answers per second, from the first request to the last answer
	lag            float64 // how late it sent, by its own word: the p99 in milliseconds
}

// tester is one of the contenders.
type tester struct {
	name, version string
	open          bool // it sends on a schedule; else as fast as answers come, over some connections
	missing       error
	run           func(context.Context, load) (told, error)
}

// connections of the testers without a schedule.
const connections = "10"

func (w *workplace) testers(ctx context.Context) []tester {
	ours, errOurs := w.ours(ctx)
	vegeta, errVegeta := w.install(ctx, "vegeta", vegetaModule)
	k6, errK6 := w.install(ctx, "k6", k6Module)
	hey, errHey := exec.LookPath("hey")
	wrk, errWrk := exec.LookPath("wrk")
	return []tester{
		{name: "loadtest", version: "this one", open: true, missing: errOurs, run: func(ctx context.Context, l load) (told, error) { return w.loadtest(ctx, ours, l) }},
		{name: "vegeta", version: version(vegetaModule), open: true, missing: errVegeta, run: func(ctx context.Context, l load) (told, error) { return w.vegeta(ctx, vegeta, l) }},
		{name: "k6", version: version(k6Module), open: true, missing: errK6, run: func(ctx context.Context, l load) (told, error) { return w.k6(ctx, k6, l) }},
		{name: "hey", version: packaged("hey"), missing: errHey, run: func(ctx context.Context, l load) (told, error) { return w.hey(ctx, hey, l) }},
		{name: "wrk", version: packaged("wrk"), missing: errWrk, run: func(ctx context.Context, l load) (told, error) { return w.wrk(ctx, wrk, l) }},
	}
}

func version(module string) string { return module[strings.LastIndex(module, "@")+1:] }

// packaged is the version that the system's packages tell.
func packaged(name string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
	if err != nil {
		return "unknown"
	}
	return string(out)
}

func (w *workplace) ours(ctx context.Context) (string, error) {
	build := exec.CommandContext(ctx, "go", "build", "-o", w.file("loadtest"), "./cmd/loadtest")
	build.Dir = w.root
	out, err := build.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build: %w: %s", err, lastLine(string(out)))
	}
	return w.file("loadtest"), err
}

func (w *workplace) install(ctx context.Context, name, module string) (string, error) {
	install := exec.CommandContext(ctx, "go", "install", module)
	install.Env = append(os.Environ(), "GOBIN="+w.dir, "GOFLAGS=")
	install.Dir = w.dir
	out, err := install.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("install %s: %w: %s", module, err, lastLine(string(out)))
	}
	return filepath.Join(w.dir, name), err
}

func (w *workplace) loadtest(ctx context.Context, program string, l load) (told, error) {
	result, lines := w.file("ours.json"), w.file("ours.csv")
	args := []string{
		"--url=" + l.url, "--images=" + l.form.picture, "--form=multipart", fmt.Sprintf("--profile=constant:%g/%s", l.rate, l.length),
		"--quiet", "--log-level=error", "--json=" + result,
	}
	if l.slow > 0 {
		args = append(args, "--results="+lines)
	}
	d, err := w.run(ctx, []string{"KUBECONFIG=/dev/null"}, program, args...)
	if err != nil {
		return told{}, err
	}
	t, err := toldIn(result)
	if err != nil {
		return told{}, err
	}
	t.done = d
	if l.slow > 0 {
		t.slow, err = slowLines(lines, 2, time.Nanosecond, l.slow)
	}
	return t, err
}

// toldIn is what our tester wrote with --json.
func toldIn(result string) (told, error) {
	var r struct {
		Requests int64
		OK       int64 `json:"ok"`
		Rate     struct{ Achieved float64 }
		Latency  struct{ P99 float64 } `json:"latency_ms"`
		Lag      struct{ P99 float64 } `json:"schedule_lag_ms"`
	}
	err := readJSON(result, &r)
	return told{due: r.Requests, requests: r.OK, p99: r.Latency.P99, rate: r.Rate.Achieved, lag: r.Lag.P99}, err
}

func (w *workplace) vegeta(ctx context.Context, program string, l load) (told, error) {
	results := w.file("vegeta.bin")
	d, err := w.run(ctx, nil, program, "attack", "-targets="+w.targets(l), fmt.Sprintf("-rate=%d/1s", int(l.rate)), "-duration="+l.length.String(),
		"-body="+l.form.body, "-header=Content-Type: "+l.form.contentType, "-max-body=0", "-output="+results)
	if err != nil {
		return told{}, err
	}
	report, err := exec.CommandContext(ctx, program, "report", "-type=json", results).Output()
	if err != nil {
		return told{}, fmt.Errorf("vegeta report: %w", err)
	}
	var r struct {
		Requests   int64
		Throughput float64
		Latencies  struct {
			P99 float64 `json:"99th"`
		}
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return told{}, err
	}
	t := told{done: d, requests: r.Requests, p99: r.Latencies.P99 / 1e6, rate: r.Throughput, lag: math.NaN()}
	if l.slow > 0 {
		lines := w.file("vegeta.csv")
		if out, err := exec.CommandContext(ctx, program, "encode", "-to=csv", "-output="+lines, results).CombinedOutput(); err != nil {
			return told{}, fmt.Errorf("vegeta encode: %w: %s", err, out)
		}
		t.slow, err = slowLines(lines, 2, time.Nanosecond, l.slow)
	}
	return t, err
}

// reads tells what vegeta makes of the results that our tester left behind.
func (w *workplace) reads(ctx context.Context, program string) string {
	lines := w.file("ours.csv")
	report, err := exec.CommandContext(ctx, program, "report", "-type=json", lines).Output()
	if err != nil {
		return fmt.Sprintf("`vegeta report` does not read our results: %v.", err)
	}
	var r struct {
		Requests  int64
		Success   float64
		Latencies struct {
			P99 float64 `json:"99th"`
		}
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return fmt.Sprintf("`vegeta report` tells nothing of our results: %v.", err)
	}
	plot, err := exec.CommandContext(ctx, program, "plot", lines).Output()
	if err != nil {
		return fmt.Sprintf("`vegeta plot` does not read our results: %v.", err)
	}
	return fmt.Sprintf("`vegeta report` reads the results file that loadtest wrote of this: %d requests, %.4g %% good, p99 %.0f ms; `vegeta plot` makes a page of %d kB of it.",
		r.Requests, 100*r.Success, r.Latencies.P99/1e6, len(plot)/1000)
}

// targets is the file with the one request that vegeta sends.
func (w *workplace) targets(l load) string {
	name := w.file("targets")
	os.WriteFile(name, []byte("POST "+l.url+"\n"), 0o644) // vegeta says so where it is not there
	return name
}

// k6Script sends a form at a constant rate. It has as many virtual users as requests may be in flight while the server stalls.
const k6Script = `import http from 'k6/http';
import { Counter } from 'k6/metrics';
const picture = open(%q, 'b');
const slow = new Counter('slow');
export const options = {
  scenarios: { load: { executor: 'constant-arrival-rate', rate: %d, timeUnit: '1s', duration: '%dms', preAllocatedVUs: %d, maxVUs: %[4]d } },
  discardResponseBodies: true, summaryTrendStats: ['p(99)'],
};
export default function () {
  const r = http.post(%q, { file: http.file(picture, 'picture.jpg', 'image/jpeg') });
  if (r.timings.duration > %g) slow.add(1);
}
export function handleSummary(data) { return { [%q]: JSON.stringify(data) }; }
`

func (w *workplace) k6(ctx context.Context, program string, l load) (told, error) {
	script, summary := w.file("k6.js"), w.file("k6.json")
	users := max(100, int(l.rate/5))
	slow := float64(l.slow) / float64(time.Millisecond)
	if l.slow == 0 {
		slow = math.MaxInt32
	}
	text := fmt.Sprintf(k6Script, l.form.picture, int(l.rate), l.length.Milliseconds(), users, l.url, slow, summary)
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		return told{}, err
	}
	d, err := w.run(ctx, nil, program, "run", "--quiet", "--no-usage-report", script)
	if err != nil {
		return told{}, err
	}
	var r struct {
		Metrics map[string]struct{ Values map[string]float64 }
	}
	if err := readJSON(summary, &r); err != nil {
		return told{}, err
	}
	requests := r.Metrics["http_reqs"].Values
	return told{
		done: d, requests: int64(requests["count"]), rate: requests["rate"], p99: r.Metrics["http_req_duration"].Values["p(99)"],
		slow: int64(r.Metrics["slow"].Values["count"]), lag: math.NaN(),
	}, nil
}

// hey is asked for the rate by the request of each connection; it waits for an answer before the next.
func (w *workplace) hey(ctx context.Context, program string, l load) (told, error) {
	args := []string{"-z", l.length.String(), "-c", connections, "-m", "POST", "-T", l.form.contentType, "-D", l.form.body, "-o", "csv"}
	if l.rate > 0 {
		c, err := strconv.Atoi(connections)
		if err != nil {
			return told{}, err
		}
		args = append(args, "-q", fmt.Sprint(l.rate/float64(c)))
	}
	d, err := w.run(ctx, nil, program, append(args, l.url)...)
	if err != nil {
		return told{}, err
	}
	lines := w.file("hey.csv")
	if err := os.WriteFile(lines, []byte(d.stdout), 0o644); err != nil {
		return told{}, err
	}
	took, err := column(lines, 0, time.Second)
	t := told{done: d, lag: math.NaN(), requests: int64(len(took)), rate: float64(len(took)) / l.length.Seconds(), p99: float64(quantile(took, 0.99)) / 1e6}
	t.slow = slower(took, l.slow)
	return t, err
}

// wrkScript sends a body, and tells what wrk counted.
const wrkScript = `local file = io.open(%q, "rb")
wrk.method, wrk.body = "POST", file:read("*all")
wrk.headers["Content-Type"] = %q
function done(summary, latency, requests)
  local slow = 0
  for i = 1, #latency do
    local value, count = latency(i)
    if value > %d then slow = slow + count end
  end
  io.write(string.format("RESULT %%d %%d %%f %%f\n", summary.requests, slow, latency:percentile(99) / 1000, summary.requests / (summary.duration / 1e6)))
end
`

func (w *workplace) wrk(ctx context.Context, program string, l load) (told, error) {
	script := w.file("wrk.lua")
	slow := l.slow
	if slow == 0 {
		slow = time.Hour
	}
	if err := os.WriteFile(script, fmt.Appendf(nil, wrkScript, l.form.body, l.form.contentType, slow.Microseconds()), 0o644); err != nil {
		return told{}, err
	}
	d, err := w.run(ctx, nil, program, "-t", "1", "-c", connections, "-d", fmt.Sprintf("%.0fs", l.length.Seconds()), "--timeout", "10s", "-s", script, l.url)
	if err != nil {
		return told{}, err
	}
	_, result, ok := strings.Cut(d.stdout, "RESULT ")
	if !ok {
		return told{}, errors.New("wrk told no result")
	}
	t := told{done: d, lag: math.NaN()}
	_, err = fmt.Sscan(result, &t.requests, &t.slow, &t.p99, &t.rate)
	return t, err
}

func readJSON(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// column reads durations from a CSV; lines without a number, such as a head, are passed over.
func column(name string, at int, unit time.Duration) (all []time.Duration, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	for _, line := range lines {
		if v, err := strconv.ParseFloat(line[at], 64); err == nil {
			all = append(all, time.Duration(v*float64(unit)))
		}
	}
	return all, err
}

func slowLines(name string, at int, unit, slow time.Duration) (int64, error) {
	all, err := column(name, at, unit)
	return slower(all, slow), err
}

func slower(all []time.Duration, than time.Duration) (n int64) {
	for _, d := range all {
		if d > than {
			n++
		}
	}
	return n
}
