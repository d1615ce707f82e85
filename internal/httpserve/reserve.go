package httpserve

import (
	"net"
	"sync"
	"time"
)

// reserveListener is for clients that keep connections in reserve, as most do: http.Server counts the time for a request's header from the
// connection's birth, and would close one that was not used yet, in silence and perhaps under its first request. So a connection may wait
// for that as long as it may rest between two others, and the server's time-outs count from its first byte.
//
// It is for plain HTTP. Over TLS the first byte is the handshake's, and most clients speak HTTP/2, which has one connection and can tell
// when it closes it.
type reserveListener struct {
	net.Listener
	rest time.Duration
}

// Accept is as net.Listener has it.
func (l reserveListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &reserveConn{TCPConn: c.(*net.TCPConn), rest: l.rest, unused: true}, nil
}

// reserveConn is a connection that knows whether its first request has begun. Its methods may be called from any goroutine.
type reserveConn struct {
	*net.TCPConn
	rest time.Duration

	mu      sync.Mutex
	unused  bool
	asked   time.Time     // when a deadline was set for the first byte
	allowed time.Duration // and for how long after
	late    time.Duration // how much later than the server thinks the first request began
}

// SetReadDeadline is as net.Conn has it, but for the first request.
func (c *reserveConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case t.IsZero():
	case c.unused:
		c.asked = time.Now()
		c.allowed = t.Sub(c.asked)
		t = c.asked.Add(c.rest)
	default: // the server sets that of the first request's body next; those after it are right
		t, c.late = t.Add(c.late), 0
	}
	return c.TCPConn.SetReadDeadline(t)
}

// Read is as net.Conn has it.
func (c *reserveConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 {
		c.begin(time.Now())
	}
	return n, err
}

// begin starts the time-out that was asked for, once.
func (c *reserveConn) begin(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.unused {
		return
	}
	c.unused = false
	if c.asked.IsZero() {
		return
	}
	c.late = now.Sub(c.asked)
	// It fails only on a connection that is closed, of which the next read tells.
	_ = c.TCPConn.SetReadDeadline(now.Add(c.allowed))
}
