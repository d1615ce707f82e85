package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/api"

	"golang.org/x/sync/errgroup"
)

// stubFlags are a replica that answers at once. It costs so little of its core that the proxy in front of it is what is measured: it
// lets the kernel throw the picture away unread, and has one answer.
type stubFlags struct {
	Listen []string `required:"" placeholder:"HOST:PORT" help:"Addresses to serve on."`
	Slots  int      `default:"64" help:"The slots that it says it has, at each."`
}

// Run serves until ctx ends.
func (f *stubFlags) Run(ctx context.Context, log *slog.Logger) error {
	answer := stubAnswer(f.Slots)
	serving, ctx := errgroup.WithContext(ctx)
	for _, address := range f.Listen {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		serving.Go(func() error { return accept(ctx, l, answer, log) })
	}
	return serving.Wait()
}

// stubAnswer is what a model server says to a picture, as bytes.
func stubAnswer(slots int) []byte {
	body := `{"model":"stub","model_version":"1","predictions":[{"class_id":0,"synset":"n00000000","label":"stub","probability":1}],"timing_ms":{}}`
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s: %d\r\n%s: 100000\r\n\r\n%s",
		len(body), api.HeaderSlots, slots, api.HeaderCapacity, body)
}

func accept(ctx context.Context, l net.Listener, answer []byte, log *slog.Logger) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			if err := (&stubConn{TCPConn: conn.(*net.TCPConn), buffer: make([]byte, 4<<10)}).serve(answer); err != nil {
				log.Debug("a connection ended", "error", err)
			}
		}()
	}
}

// stubConn is a connection of which only the heads of requests are looked at.
type stubConn struct {
	*net.TCPConn
	buffer []byte
	filled int
}

func (c *stubConn) serve(answer []byte) error {
	defer c.Close()
	for {
		head, err := c.head()
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(head, []byte("POST ")) && !bytes.HasPrefix(head, []byte("GET ")) {
			return fmt.Errorf("a request begins with %.20q", head)
		}
		length, err := contentLength(head)
		if err != nil {
			return err
		}
		if err := c.skip(len(head), length); err != nil {
			return err
		}
		if _, err := c.Write(answer); err != nil {
			return err
		}
	}
}

// head reads until the empty line behind a request's headers.
func (c *stubConn) head() ([]byte, error) {
	for {
		if end := bytes.Index(c.buffer[:c.filled], []byte("\r\n\r\n")); end >= 0 {
			return c.buffer[:end+4], nil
		}
		if c.filled == len(c.buffer) {
			return nil, fmt.Errorf("a head has more than %d bytes", len(c.buffer))
		}
		n, err := c.Read(c.buffer[c.filled:])
		if err != nil {
			return nil, err
		}
		c.filled += n
	}
}

// contentLength is the length of the body that a head tells; 0 where it tells none.
func contentLength(head []byte) (int, error) {
	for line := range strings.Lines(string(head)) {
		name, value, _ := strings.Cut(line, ":")
		switch {
		case strings.EqualFold(name, "Content-Length"):
			return strconv.Atoi(strings.TrimSpace(value))
		case strings.EqualFold(name, "Transfer-Encoding"):
			return 0, fmt.Errorf("a body comes in chunks, which no proxy has to do to one that came whole")
		}
	}
	return 0, nil
}

// skip drops a head and the body behind it.
func (c *stubConn) skip(head, body int) error {
	there := min(body, c.filled-head)
	c.filled = copy(c.buffer, c.buffer[head+there:c.filled])
	if there == body {
		return nil
	}
	return c.discard(body - there)
}
