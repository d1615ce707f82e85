// Package httpbody sends a request's body that lies in memory as it lies there: the standard transport copies it in pieces of 32 kB, with
// a system call for each.
package httpbody

import (
	"context"
	"io"
	"net"
)

// Whole is a body that lies in memory. What was written of it is passed over.
type Whole interface {
	io.Reader
	Rest() []byte
	PassOver(n int)
}

// Body is bytes as a request's body.
type Body struct{ rest []byte }

// New is a body of data, which must not change while it is sent.
func New(data []byte) *Body { return &Body{rest: data} }

// Read copies the next bytes, for a connection that knows no better.
func (b *Body) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Rest is what was not read yet.
func (b *Body) Rest() []byte { return b.rest }

// PassOver takes the next bytes as read.
func (b *Body) PassOver(n int) { b.rest = b.rest[n:] }

// Close has nothing to give back.
func (b *Body) Close() error { return nil }

// Dial makes a transport's dial function one whose connections send a Whole body as it lies in memory.
func Dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return conn{c}, nil
	}
}

type conn struct{ net.Conn }

// ReadFrom is how a transport's buffered writer hands on what is left of a body.
func (c conn) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(c.Conn, r)
	}
	body, ok := limited.R.(Whole)
	if !ok {
		return io.Copy(c.Conn, r)
	}
	rest := body.Rest()
	n, err := c.Write(rest[:min(int64(len(rest)), limited.N)])
	body.PassOver(n)
	limited.N -= int64(n)
	return int64(n), err
}
