package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/process"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	readyPoll    = 5 * time.Millisecond
)

// server is a contender that runs, on one core.
type server struct {
	contender
	url     string
	process *process.Process
	log     *os.File
	started time.Duration // from its start until it answered that it is ready
}

// stage is where servers run.
type stage struct {
	w        workplace
	launcher *process.Launcher
	cores    cores
}

// onStage calls use with the two cores kept apart, and ends what is left of its servers.
func (w workplace) onStage(log *slog.Logger, use func(stage) error) error {
	c, err := pinLoad()
	if err != nil {
		return err
	}
	return w.withLauncher(log, func(l *process.Launcher) error { return use(stage{w: w, launcher: l, cores: c}) })
}

// withLauncher calls use, and ends what is left of its servers.
func (w workplace) withLauncher(log *slog.Logger, use func(*process.Launcher) error) (err error) {
	launcher, err := process.NewLauncher(process.Options{Name: "resnet-bench", Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, launcher.Close()) }()
	if err := os.MkdirAll(w.cache(), 0o755); err != nil {
		return err
	}
	return use(launcher)
}

// start runs a contender on the servers' core and waits until it is ready.
func (s stage) start(ctx context.Context, c contender) (*server, error) {
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return nil, fmt.Errorf("pin servers to a core: %w", err)
	}
	unpinned := c.program
	c.program = func(w workplace, ports []int) program {
		p := unpinned(w, ports)
		p.args = append([]string{taskset, "-c", strconv.Itoa(s.cores.server)}, p.args...)
		return p
	}
	return s.w.launch(ctx, s.launcher, c, 0)
}

// launch runs a contender on any cores, within a CPU quota where cpus is above 0, and waits until it is ready.
func (w workplace) launch(ctx context.Context, launcher *process.Launcher, c contender, cpus float64) (*server, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	p := c.program(w, ports)
	log, err := os.Create(w.cache(c.name + ".server.log"))
	if err != nil {
		return nil, err
	}
	gate := gate(w.cache(fmt.Sprintf("%s-%d.held", c.name, ports[0])))
	if cpus > 0 {
		p.args = gate.before(p.args)
	}
	started := time.Now()
	running, err := launcher.Start(process.Command{
		Name: c.name, Path: p.args[0], Args: p.args[1:], Dir: w.root, Output: log, Env: w.environment(p.env...), CPU: cpus,
	})
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if cpus > 0 {
		err = gate.open()
	}
	v := &server{contender: c, url: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), process: running, log: log}
	if err = errors.Join(err, v.awaitReady(ctx)); err != nil {
		return nil, errors.Join(err, v.stop())
	}
	v.started = time.Since(started)
	return v, nil
}

// gate is a file that a program waits for. A launcher holds a process within its quota only once it runs, and by then a fast one would
// have looked what its quota is.
type gate string

func (g gate) before(args []string) []string {
	return append([]string{"/bin/sh", "-c", `until test -e "$0"; do sleep 0.01; done; rm "$0"; exec "$@"`, string(g)}, args...)
}

func (g gate) open() error { return os.WriteFile(string(g), nil, 0o600) }

func (v *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !v.isReady(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("was not ready after %v: it said %q (see .cache/bench/%s)", startTimeout, v.lastWords(), filepath.Base(v.log.Name()))
		case <-v.process.Done():
			return fmt.Errorf("ended at its start: it said %q (see .cache/bench/%s)", v.lastWords(), filepath.Base(v.log.Name()))
		case <-time.After(readyPoll):
		}
	}
	return nil
}

func (v *server) isReady(ctx context.Context) bool {
	_, err := v.readiness(ctx)
	return err == nil
}

// readiness is the header of the answer that says that the server is ready.
func (v *server) readiness(ctx context.Context) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+v.ready, nil)
	if err != nil {
		return nil, err
	}
	answer, err := patient.Do(request)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close() // nothing of it is wanted
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", v.ready, answer.StatusCode)
	}
	return answer.Header, nil
}

// capability is what a model server says of itself.
func (v *server) capability(ctx context.Context) (api.Capability, error) {
	header, err := v.readiness(ctx)
	if err != nil {
		return api.Capability{}, err
	}
	c, ok := api.CapabilityFrom(header)
	if !ok || c.CapacityRPS == 0 {
		return c, fmt.Errorf("%s states no capacity", v.ready)
	}
	return c, nil
}

func (v *server) lastWords() string {
	text, err := os.ReadFile(v.log.Name())
	if err != nil {
		return ""
	}
	return lastLine(string(text))
}

// stop ends the server and all that it started.
func (v *server) stop() error {
	left := family(v.process.PID())
	_ = v.process.Signal(syscall.SIGTERM) // one that has ended already is what is wanted
	select {
	case <-v.process.Done():
	case <-time.After(stopTimeout):
		_ = v.process.Signal(syscall.SIGKILL)
		<-v.process.Done()
	}
	for _, member := range left[1:] {
		member.kill()
	}
	return v.log.Close()
}

// freePorts are ports that nobody listens on now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
