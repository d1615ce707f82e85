package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// limiter is one way to keep a child within its share of CPU.
type limiter interface {
	method() string
	// wrap changes the program before it starts and returns what to do once it runs.
	wrap(c Command, program *exec.Cmd) (limit, error)
	close() error
}

// limit is what holds one running child within its share.
type limit interface {
	hold(pid int) error
	// broken tells whether the child was killed for taking more memory than it may.
	broken() bool
	release() error
}

// Launcher starts child processes. None of them outlives this process: the kernel kills each one when the thread that forked it
// ends, so all are forked from one thread which lives as long as the launcher. It may be used from any goroutine.
type Launcher struct {
	o       Options
	limiter limiter
	forks   chan func()
	ended   chan struct{}

	mu       sync.Mutex
	children map[*Process]struct{}
	closed   bool
}

// NewLauncher finds out how it may limit children here, and clears away what a killed predecessor of the same name left.
func NewLauncher(o Options) (*Launcher, error) {
	l := &Launcher{o: o, limiter: findLimiter(o), forks: make(chan func()), ended: make(chan struct{}), children: map[*Process]struct{}{}}
	go l.forkThread()
	return l, nil
}

// findLimiter prefers what the kernel does over what we would do ourselves.
func findLimiter(o Options) limiter {
	for _, find := range []func(Options) (limiter, error){newCgroupV2, newCgroupV1, newSystemdRun} {
		found, err := find(o)
		if err == nil {
			return found
		}
		o.Log.Debug("a way to limit CPU is not open here", "error", err)
	}
	return dutyCycling{log: o.Log}
}

// Method is how CPU is limited, in words for the user.
func (l *Launcher) Method() string { return l.limiter.method() }

func (l *Launcher) forkThread() {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	defer close(l.ended)
	for fork := range l.forks {
		fork()
	}
}

// Start runs c in a process group of its own, so that a terminal's Ctrl-C reaches this process alone.
func (l *Launcher) Start(c Command) (*Process, error) {
	program := &exec.Cmd{
		Path: c.Path, Args: append([]string{c.Path}, c.Args...), Env: c.Env, Dir: c.Dir, Stdout: c.Output, Stderr: c.Output,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
		WaitDelay:   5 * time.Second,
	}
	if program.Env == nil {
		program.Env = []string{}
	}
	held, err := l.limiter.wrap(c, program)
	if err != nil {
		return nil, fmt.Errorf("limit %s: %w", c.Name, err)
	}
	p := &Process{program: program, limit: held, done: make(chan struct{})}
	if err := l.fork(p); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.Name, err), held.release())
	}
	err = held.hold(p.PID())
	go l.wait(p) // from here on its limit may be given back
	if err != nil {
		p.killGroup()
		<-p.done
		return nil, fmt.Errorf("limit %s: %w", c.Name, err)
	}
	return p, nil
}

func (l *Launcher) fork(p *Process) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("the launcher is closed")
	}
	started := make(chan error)
	l.forks <- func() { started <- p.program.Start() }
	if err := <-started; err != nil {
		return err
	}
	l.children[p] = struct{}{}
	return nil
}

func (l *Launcher) wait(p *Process) {
	_ = p.program.Wait() // how it ended is in its ProcessState
	p.killGroup()        // whatever it forked ends with it
	p.outOfMemory = p.limit.broken()
	p.released = p.limit.release()
	l.mu.Lock()
	delete(l.children, p)
	l.mu.Unlock()
	close(p.done)
}

// Close kills the children that still run, waits for them and removes the cgroups.
func (l *Launcher) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	var left []*Process
	for p := range l.children {
		left = append(left, p)
	}
	l.mu.Unlock()
	var errs []error
	for _, p := range left {
		p.killGroup()
	}
	for _, p := range left {
		<-p.done
		errs = append(errs, p.released)
	}
	close(l.forks)
	<-l.ended
	return errors.Join(append(errs, l.limiter.close())...)
}

// Process is a child that was started.
type Process struct {
	program *exec.Cmd
	limit   limit
	done    chan struct{}
	// Read after done: whether its memory limit ended it, and the error of giving its limit back.
	outOfMemory bool
	released    error
}

// PID is the child's process id, and the id of its process group.
func (p *Process) PID() int { return p.program.Process.Pid }

// Signal sends a signal to the child. A child that has ended is os.ErrProcessDone.
func (p *Process) Signal(s syscall.Signal) error { return p.program.Process.Signal(s) }

// Done is closed when the child has ended and all it forked was killed.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the child ended, once Done is closed: its exit code, or the signal that ended it and code -1.
func (p *Process) Exit() (code int, signal syscall.Signal) {
	state := p.program.ProcessState
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -1, status.Signal()
	}
	return state.ExitCode(), 0
}

// OOMKilled tells, once Done is closed, whether the child was killed for taking more memory than it may.
func (p *Process) OOMKilled() bool { return p.outOfMemory }

// CPUTime is the user and system time that the child has used so far, or in all once Done is closed.
func (p *Process) CPUTime() (time.Duration, error) {
	if !p.gone() {
		used, err := cpuTimeOf(p.PID())
		if !errors.Is(err, syscall.EINVAL) { // the clock of a process that ended just now
			return used, err
		}
		<-p.done
	}
	return p.program.ProcessState.UserTime() + p.program.ProcessState.SystemTime(), nil
}

// Memory is the child's resident memory in bytes; 0 once it has ended.
func (p *Process) Memory() (int64, error) {
	resident, err := residentMemory(strconv.Itoa(p.PID()))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", p.PID(), err)
	}
	return resident, nil
}

func (p *Process) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *Process) killGroup() {
	// ESRCH: nobody is left to kill, which is what this is for.
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
}
