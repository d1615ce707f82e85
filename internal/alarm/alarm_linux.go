package alarm

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Clock is a timer of the kernel, which wakes the poller itself. One goroutine at a time may use it.
type Clock struct{ file *os.File }

// New makes a Clock; the caller closes it.
func New() (*Clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	return &Clock{os.NewFile(uintptr(fd), "timer")}, nil
}

// Close gives the timer back.
func (c *Clock) Close() error { return c.file.Close() }

// Sleep returns after a while, by the machine's clock.
func (c *Clock) Sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	connection, err := c.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("set a timer: %w", err)
	}
	setting := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	var failed error
	err = connection.Control(func(fd uintptr) { failed = unix.TimerfdSettime(int(fd), 0, &setting, nil) })
	if err := errors.Join(err, failed); err != nil {
		return fmt.Errorf("set a timer: %w", err)
	}
	var expirations [8]byte
	if _, err := c.file.Read(expirations[:]); err != nil {
		return fmt.Errorf("wait for a timer: %w", err)
	}
	return nil
}
