package chaos_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"resnet-autoscaling/internal/testkit"
)

// patience is how long a process may take to end on a machine that is loaded beyond reason.
const patience = time.Minute

// child is a process of the scenario's.
type child struct {
	name    string
	process *exec.Cmd
	said    testkit.Buffer
	ended   chan struct{} // closed once it has been waited for
}

// spawn starts a program of bin in the repository's root.
func spawn(name, root, program string, args ...string) (*child, error) {
	c := &child{name: name, process: exec.Command(filepath.Join(bin, program), args...), ended: make(chan struct{})}
	c.process.Dir = root
	c.process.Stderr = &c.said
	c.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.process.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(c.ended)
		_ = c.process.Wait() // who cares asks ProcessState
	}()
	return c, nil
}

// tell sends a signal; a process that has ended has nothing left to be told.
func (c *child) tell(signal os.Signal) { _ = c.process.Process.Signal(signal) }

// end sends a signal and waits for the end, which has to be a clean one.
func (c *child) end(signal os.Signal) error {
	c.tell(signal)
	select {
	case <-c.ended:
	case <-time.After(patience):
		return fmt.Errorf("%s has not ended %v after it was sent %v", c.name, patience, signal)
	}
	if code := c.process.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with exit code %d:\n%s", c.name, code, c.tail())
	}
	return nil
}

// kill ends it without a word of warning.
func (c *child) kill() {
	c.tell(syscall.SIGKILL)
	<-c.ended
}

// dump makes it tell where each of its goroutines is, which ends it.
func (c *child) dump() {
	c.tell(syscall.SIGQUIT)
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.kill()
	}
}

// raced tells whether the race detector has found something in it.
func (c *child) raced() bool { return strings.Contains(c.said.String(), "DATA RACE") }

// tail is the end of what it said: enough for the goroutines of a dispatcher.
func (c *child) tail() string {
	said := c.said.String()
	return said[max(0, len(said)-200_000):]
}
