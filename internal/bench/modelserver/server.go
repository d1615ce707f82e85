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
func (w workplace) onStage(log *slog.Logger, use func(stage) error) (err error) {
	c, err := pinLoad()
	if err != nil {
		return err
	}
	launcher, err := process.NewLauncher(process.Options{Name: "resnet-bench", Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, launcher.Close()) }()
	return use(stage{w: w, launcher: launcher, cores: c})
}

// start runs a contender on the servers' core and waits until it is ready.
func (s stage) start(ctx context.Context, c contender) (*server, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	p := c.program(s.w, ports)
	log, err := os.Create(s.w.cache(c.name + ".server.log"))
	if err != nil {
		return nil, err
	}
	pin, err := exec.LookPath("taskset")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pin servers to a core: %w", err), log.Close())
	}
	started := time.Now()
	running, err := s.launcher.Start(process.Command{
		Name: c.name, Path: pin, Args: append([]string{"-c", strconv.Itoa(s.cores.server)}, p.args...), Dir: s.w.root, Output: log, Env: s.w.environment(p.env...),
	})
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	v := &server{contender: c, url: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), process: running, log: log}
	if err := v.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, v.stop())
	}
	v.started = time.Since(started)
	return v, nil
}

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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+v.ready, nil)
	if err != nil {
		return false
	}
	answer, err := patient.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // nothing of it is wanted
	return answer.StatusCode == http.StatusOK
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
