package dispatcher

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// How connections to replicas are kept.
const (
	dialTimeout = time.Second // a replica's host is near: what takes longer is not there
	keptIdle    = 256         // of one replica
	idleTime    = 90 * time.Second
)

// NewTransport makes the connections to the replicas. The caller closes its idle ones in the end.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return wholeConn{c}, nil
		},
		MaxIdleConnsPerHost: keptIdle,
		IdleConnTimeout:     idleTime,
		DisableCompression:  true,
	}
}

// wholeConn writes a held body as it lies in memory: the way of the standard library copies it in pieces first.
type wholeConn struct{ net.Conn }

// ReadFrom is how a transport's buffered writer hands on the rest of a body.
func (c wholeConn) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(c.Conn, r)
	}
	body, ok := limited.R.(*heldReader)
	if !ok {
		return io.Copy(c.Conn, r)
	}
	part := body.rest[:min(int64(len(body.rest)), limited.N)]
	n, err := c.Write(part)
	body.rest, limited.N = body.rest[n:], limited.N-int64(n)
	return int64(n), err
}
