//go:build !linux

package process

import (
	"errors"
	"syscall"
	"time"
)

// Launcher starts child processes, on Linux.
type Launcher struct{}

// NewLauncher fails: without Linux' signals to orphans and its cgroups, children would outlive us and take all CPU.
func NewLauncher(Options) (*Launcher, error) {
	return nil, errors.New("running the system as local processes needs Linux (WSL2 on Windows): elsewhere, use a Kubernetes cluster")
}

// Method is never asked: there is no Launcher here.
func (*Launcher) Method() string { return "" }

// Start is never asked: there is no Launcher here.
func (*Launcher) Start(Command) (*Process, error) { return nil, errors.ErrUnsupported }

// Close is never asked: there is no Launcher here.
func (*Launcher) Close() error { return nil }

// Process is a child that was started, on Linux.
type Process struct{}

// PID is never asked: there is no Process here.
func (*Process) PID() int { return 0 }

// Signal is never asked: there is no Process here.
func (*Process) Signal(syscall.Signal) error { return errors.ErrUnsupported }

// Done is never asked: there is no Process here.
func (*Process) Done() <-chan struct{} { return nil }

// Exit is never asked: there is no Process here.
func (*Process) Exit() (int, syscall.Signal) { return 0, 0 }

// CPUTime is never asked: there is no Process here.
func (*Process) CPUTime() (time.Duration, error) { return 0, errors.ErrUnsupported }

// OOMKilled is never asked: there is no Process here.
func (*Process) OOMKilled() bool { return false }

// Memory is never asked: there is no Process here.
func (*Process) Memory() (int64, error) { return 0, errors.ErrUnsupported }
