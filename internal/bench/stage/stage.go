// Package stage runs the servers that are measured: children of this process, each on the cores that it is given, ready before it is
// measured and gone, with all that it started, afterwards.
package stage

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
	"strings"
	"sync"
	"syscall"
	"time"

	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/process"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	askTimeout   = 30 * time.Second
	readyPoll    = 5 * time.Millisecond
	longestLine  = 300 // bytes: some programs repeat their whole configuration
)

// Stage is where servers run. Its methods may be called from any goroutine.
type Stage struct {
	launcher *process.Launcher

	mu    sync.Mutex
	given map[int]bool // ports
}

// Open calls use with a stage, and ends what is left of its servers.
func Open(log *slog.Logger, use func(*Stage) error) (err error) {
	launcher, err := process.NewLauncher(process.Options{Name: "resnet-bench", Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, launcher.Close()) }()
	return use(&Stage{launcher: launcher, given: map[int]bool{}})
}

// ByKernel tells whether it is the kernel that keeps programs within their quotas.
func (s *Stage) ByKernel() bool {
	return strings.HasPrefix(s.launcher.Method(), "cgroup") || s.launcher.Method() == "systemd-run"
}

// Program is a server to run.
type Program struct {
	Name  string   // unique among those that run
	Args  []string // the program's file first
	Env   []string // all of it
	Dir   string
	Cores string  // as taskset takes them; "": any
	CPUs  float64 // its quota; 0: none
	Log   string  // the file that gets its output
	Ready string  // the URL that answers 200 once it serves
}

// Server is a program that runs.
type Server struct {
	Process *process.Process
	Started time.Duration // from its start until it answered that it is ready
	program Program
	log     *os.File
	asking  *http.Client
}

// Start runs a program and waits until it is ready.
func (s *Stage) Start(ctx context.Context, p Program) (*Server, error) {
	command, err := p.command()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(p.Log), 0o755); err != nil {
		return nil, err
	}
	log, err := os.Create(p.Log)
	if err != nil {
		return nil, err
	}
	command.Output = log
	began := time.Now()
	running, err := s.launcher.Start(command)
	if err == nil && p.CPUs > 0 {
		err = p.gate().open()
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	v := &Server{Process: running, program: p, log: log, asking: &http.Client{Timeout: askTimeout, Transport: &http.Transport{DisableKeepAlives: true}}}
	if err := v.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, v.Stop())
	}
	v.Started = time.Since(began)
	return v, nil
}

func (p Program) command() (process.Command, error) {
	args := p.Args
	if p.Cores != "" {
		args = append([]string{"taskset", "-c", p.Cores}, args...)
	}
	if p.CPUs > 0 {
		args = p.gate().before(args)
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return process.Command{}, fmt.Errorf("start %s: %w", p.Name, err)
	}
	return process.Command{Name: p.Name, Path: path, Args: args[1:], Dir: p.Dir, Env: p.Env, CPU: p.CPUs}, nil
}

// gate is a file that a program waits for. A launcher holds a process within its quota only once it runs, and by then a fast one would
// have looked what its quota is.
type gate string

func (p Program) gate() gate { return gate(p.Log + ".held") }

func (g gate) before(args []string) []string {
	return append([]string{"/bin/sh", "-c", `until test -e "$0"; do sleep 0.01; done; rm "$0"; exec "$@"`, string(g)}, args...)
}

func (g gate) open() error { return os.WriteFile(string(g), nil, 0o600) }

func (v *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !v.isReady(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("was not ready after %v: it said %q (see %s)", startTimeout, v.LastWords(), v.log.Name())
		case <-v.Process.Done():
			return fmt.Errorf("ended at its start: it said %q (see %s)", v.LastWords(), v.log.Name())
		case <-time.After(readyPoll):
		}
	}
	return nil
}

func (v *Server) isReady(ctx context.Context) bool {
	_, err := v.Readiness(ctx)
	return err == nil
}

// Readiness is the header of the answer that says that the server is ready.
func (v *Server) Readiness(ctx context.Context) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.program.Ready, nil)
	if err != nil {
		return nil, err
	}
	answer, err := v.asking.Do(request)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close() // nothing of it is wanted
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", v.program.Ready, answer.StatusCode)
	}
	return answer.Header, nil
}

// LastWords are the last line of what it said.
func (v *Server) LastWords() string {
	text, err := os.ReadFile(v.log.Name())
	if err != nil {
		return ""
	}
	return LastLine(string(text))
}

// LastLine is what a program said last: mostly why it failed.
func LastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	return last[:min(len(last), longestLine)]
}

// Stop ends the server and all that it started.
func (v *Server) Stop() error {
	left := machine.Family(v.Process.PID())
	_ = v.Process.Signal(syscall.SIGTERM) // one that has ended already is what is wanted
	select {
	case <-v.Process.Done():
	case <-time.After(stopTimeout):
		_ = v.Process.Signal(syscall.SIGKILL)
		<-v.Process.Done()
	}
	for _, member := range left[1:] {
		member.Kill()
	}
	return v.log.Close()
}

// CPU is the CPU time of the server, and of all that it started, so far.
func (v *Server) CPU() time.Duration { return machine.CPUOf(machine.Family(v.Process.PID())) }

// Memory is the memory of the server, and of all that it started, in bytes.
func (v *Server) Memory() int64 { return machine.MemoryOf(machine.Family(v.Process.PID())) }

// Ports are n ports that nobody listens on now, and that were not given before: whom they were given to may not listen yet.
func (s *Stage) Ports(n int) (ports []int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(ports) < n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		if port := l.Addr().(*net.TCPAddr).Port; !s.given[port] {
			s.given[port] = true
			ports = append(ports, port)
		}
	}
	return ports, nil
}
