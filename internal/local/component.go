package local

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// A component that ends is started again: at once, then after a wait that doubles up to the longest one.
const (
	firstWait   = time.Second
	longestWait = 30 * time.Second
	// healthyAfter is how long it has to run for its next end to count as the first one.
	healthyAfter = time.Minute
	// stopTimeout is how long it has to end when asked; then it is killed.
	stopTimeout = 5 * time.Second
)

// component keeps one program running.
type component struct {
	program Program
	start   func(Program) (Process, error)
	logPath string
	log     *slog.Logger
}

// run starts the program, again when it ends, and ends it with ctx.
func (c *component) run(ctx context.Context) error {
	file, err := os.OpenFile(c.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("log of %s: %w", c.program.Name, err)
	}
	defer file.Close()
	program := c.program
	program.Output = file
	wait := time.Duration(0)
	for {
		begin := time.Now()
		p, err := c.start(program)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			stop(p)
			return nil
		case <-p.Done():
		}
		if time.Since(begin) > healthyAfter {
			wait = 0
		}
		code, signal := p.Exit()
		c.log.Warn("component ended; it is started again", "component", c.program.Name, "code", code, "signal", signal, "in", wait, "log", c.logPath)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(max(firstWait, 2*wait), longestWait)
	}
}

// stop ends a process as a person at the keyboard does, and by force when it does not listen.
func stop(p Process) {
	// A process that is stopped (SIGSTOP) cannot hear SIGINT. Errors: it has ended meanwhile, which is what this is for.
	_ = p.Signal(syscall.SIGINT)
	_ = p.Signal(syscall.SIGCONT)
	select {
	case <-p.Done():
	case <-time.After(stopTimeout):
		_ = p.Signal(syscall.SIGKILL)
		<-p.Done()
	}
}
