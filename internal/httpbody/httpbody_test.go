package httpbody_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"resnet-autoscaling/internal/httpbody"
)

// counted counts the writes of a connection.
type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestABodyIsSentWholeAndAsItIs(t *testing.T) {
	var got atomic.Pointer[[]byte]
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got.Store(&body)
	}))
	defer server.Close()
	var writes atomic.Int64
	transport := &http.Transport{DialContext: httpbody.Dial(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return counted{c, &writes}, err
	})}
	defer transport.CloseIdleConnections()
	for _, size := range []int{0, 1, 4096, 100_000, 3_000_000} {
		writes.Store(0)
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, httpbody.New(data))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = int64(size)
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		// One write takes the header and what fits beside it, one the rest.
		if !bytes.Equal(*got.Load(), data) || writes.Load() > 2 {
			t.Errorf("%d bytes arrived of %d, in %d writes", len(*got.Load()), size, writes.Load())
		}
	}
}

func TestOtherBodiesAreSentAsEver(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	defer server.Close()
	transport := &http.Transport{DialContext: httpbody.Dial(new(net.Dialer).DialContext)}
	defer transport.CloseIdleConnections()
	for _, length := range []int64{-1, 9000} { // of unknown length: chunked
		body := struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 9000))}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		echo, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || len(echo) != 9000 {
			t.Errorf("length %d: %d bytes came back, %v", length, len(echo), err)
		}
	}
}

func TestADialThatFails(t *testing.T) {
	dial := httpbody.Dial(func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed })
	if c, err := dial(t.Context(), "tcp", "x"); c != nil || err != net.ErrClosed {
		t.Errorf("%v, %v", c, err)
	}
}
