//go:build !linux

package main

import "io"

// discard reads n bytes and forgets them.
func (c *stubConn) discard(n int) error {
	_, err := io.CopyN(io.Discard, c.TCPConn, int64(n))
	return err
}
