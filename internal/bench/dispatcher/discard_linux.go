package main

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// discard lets the kernel drop n bytes: MSG_TRUNC on a TCP socket takes them off its queue without copying them (tcp(7)).
func (c *stubConn) discard(n int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var dropping error
	err = raw.Read(func(fd uintptr) (done bool) {
		for n > 0 {
			// The buffer only says how much: nothing is written to it.
			dropped, _, err := unix.Recvfrom(int(fd), nowhere[:min(n, len(nowhere))], unix.MSG_TRUNC|unix.MSG_DONTWAIT)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return false
			case errors.Is(err, unix.EINTR):
				continue
			case err != nil:
				dropping = err
				return true
			case dropped == 0:
				dropping = io.ErrUnexpectedEOF
				return true
			}
			n -= dropped
		}
		return true
	})
	return errors.Join(err, dropping)
}

// nowhere is where dropped bytes would go. It is never touched, so all connections share it, and it takes no memory.
var nowhere [1 << 20]byte
