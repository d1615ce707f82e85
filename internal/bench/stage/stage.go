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

// Program is a server to run.
type Program struct {
	Name  string   // unique among those that run
	Args  []string // the program's file first
	Env   []string // all of it
	Dir   string
	Cores string // as taskset takes them; "": any
	Log   string // the file that gets its output
	Ready string // the URL that answers 200 once it serves
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
	log, err := os.Create(p.Log)
	if err != nil {
		return nil, err
	}
	command.Output = log
	began := time.Now()
	running, err := s.launcher.Start(command)
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
	path, err := exec.LookPath(args[0])
	if err != nil {
		return process.Command{}, fmt.Errorf("start %s: %w", p.Name, err)
	}
	return process.Command{Name: p.Name, Path: path, Args: args[1:], Dir: p.Dir, Env: p.Env}, nil
}

func (v *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !v.isReady(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("was not ready after %v: it said %q (see %s)", startTimeout, v.lastWords(), v.log.Name())
		case <-v.Process.Done():
			return fmt.Errorf("ended at its start: it said %q (see %s)", v.lastWords(), v.log.Name())
		case <-time.After(readyPoll):
		}
	}
	return nil
}

func (v *Server) isReady(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.program.Ready, nil)
	if err != nil {
		return false
	}
	answer, err := v.asking.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // nothing of it is wanted
	return answer.StatusCode == http.StatusOK
}

func (v *Server) lastWords() string {
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
