package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
)

// crowdFlags are clients that hold on to their connections: a process of its own, so that they do not disturb the load.
type crowdFlags struct {
	Listen command.Address `required:"" help:"Where it tells that all have connected (/readyz), and how many are (/crowd)."`
	To     string          `required:"" placeholder:"HOST:PORT" help:"The proxy."`
	Idle   int             `required:"" help:"Clients that have had an answer and keep their connection."`
	Slow   int             `required:"" help:"Clients that send a byte a second: half of them of their headers, half of a picture."`
}

const (
	sources   = 50          // addresses of this machine over which clients are spread
	arriving  = 100         // clients that connect at once: more do not fit into a listener's backlog
	dripEvery = time.Second // how long a slow client takes for a byte
)

// crowd is who is connected.
type crowd struct {
	flags *crowdFlags
	door  chan struct{}
	idle  atomic.Int64
	slow  atomic.Int64
}

// connected is what /crowd tells.
type connected struct {
	Idle int64 `json:"idle"`
	Slow int64 `json:"slow"`
}

// Run connects, and stays until ctx ends.
func (f *crowdFlags) Run(ctx context.Context) error {
	c := &crowd{flags: f, door: make(chan struct{}, arriving)}
	l, err := net.Listen("tcp", string(f.Listen))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: c}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nobody is owed an answer
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	for i := range f.Idle {
		clients.Go(func() { c.come(ctx, i, &c.idle, keepIdle) })
	}
	for i := range f.Slow {
		clients.Go(func() { c.come(ctx, i, &c.slow, slowOnes[i%len(slowOnes)]) })
	}
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

// stay is how a client behaves once it is connected: it calls in when the next one may come, and returns when it was thrown out.
type stay func(ctx context.Context, conn net.Conn, in func()) error

var slowOnes = []stay{dripHeaders, dripBody}

// ServeHTTP tells how many are connected, and is ready when nearly all are: those that were thrown out are on their way back.
func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := connected{Idle: c.idle.Load(), Slow: c.slow.Load()}
	if r.URL.Path == api.PathReadyz && 100*(now.Idle+now.Slow) < 99*int64(c.flags.Idle+c.flags.Slow) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(now) // who does not want to know may leave
}

// come connects a client again and again, and counts it while it stays.
func (c *crowd) come(ctx context.Context, number int, here *atomic.Int64, stay stay) {
	dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+number%sources))}}
	for ctx.Err() == nil {
		c.door <- struct{}{}
		conn, err := dialer.DialContext(ctx, "tcp", c.flags.To)
		if err != nil {
			<-c.door
			pause(ctx, time.Second)
			continue
		}
		leave := context.AfterFunc(ctx, func() { _ = conn.Close() })
		here.Add(1)
		_ = stay(ctx, conn, func() { <-c.door }) // it was thrown out, and comes back
		here.Add(-1)
		leave()
		_ = conn.Close()
		pause(ctx, 100*time.Millisecond)
	}
}

func pause(ctx context.Context, length time.Duration) {
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
}

// keepIdle asks once, calls in, and waits to be thrown out.
func keepIdle(_ context.Context, conn net.Conn, in func()) error {
	in = sync.OnceFunc(in)
	defer in()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: proxy\r\n\r\n", api.PathHealthz); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	in()
	_, err = conn.Read(make([]byte, 1))
	return err
}

// dripHeaders never comes to the end of its headers.
func dripHeaders(ctx context.Context, conn net.Conn, in func()) error {
	in()
	return drip(ctx, conn, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: proxy\r\nX-Slow: ", api.PathPredict))
}

// dripBody takes a day for a picture.
func dripBody(ctx context.Context, conn net.Conn, in func()) error {
	in()
	return drip(ctx, conn, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: proxy\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", api.PathPredict, pictureSize))
}

func drip(ctx context.Context, conn net.Conn, first string) error {
	for text := first; ctx.Err() == nil; text = "a" {
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		pause(ctx, dripEvery)
	}
	return ctx.Err()
}
