package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// serve is a server that costs little: it reads requests and answers them, and notes when each came. It stalls on time.
type serve struct {
	Answer time.Duration `help:"How long an answer takes."`
	Every  time.Duration `help:"How often it stalls; 0: never."`
	Stall  time.Duration `help:"For how long, each time."`
	Count  bool          `help:"Count the requests, and do not note when each came."`
}

// readBuffer takes a picture of 100 kB in few reads.
const readBuffer = 256 << 10

const (
	good     = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	notFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
)

// pathArrivals is asked when requests came; the answer begins a new list. pathCount is asked how many have come so far.
const (
	pathArrivals = "/arrivals"
	pathCount    = "/count"
)

// Run serves until it is told to end, and prints its address first.
func (s *serve) Run(ctx context.Context, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	fmt.Fprintln(out, listener.Addr())
	a := &arrivals{begun: time.Now(), forgets: s.Count}
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go s.answer(conn, a)
	}
}

// arrivals are when requests came, since the server's start, and how many did.
type arrivals struct {
	begun   time.Time
	forgets bool // it only counts
	mu      sync.Mutex
	at      []time.Duration
	n       int
}

func (a *arrivals) note() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Since(a.begun)
	a.n++
	if !a.forgets {
		a.at = append(a.at, now)
	}
	return now
}

func (a *arrivals) take() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.at
	a.at = nil
	return at
}

// answer is a connection's whole life. What is wrong with it ends it.
func (s *serve) answer(conn net.Conn, a *arrivals) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, readBuffer)
	for {
		head, err := readHead(r)
		if err != nil {
			return
		}
		if !head.post {
			if _, err := conn.Write(reply(head.path, a)); err != nil {
				return
			}
			continue
		}
		came := a.note()
		if _, err := r.Discard(head.length); err != nil {
			return
		}
		s.wait(a.begun, came)
		if _, err := io.WriteString(conn, good); err != nil {
			return
		}
	}
}

// wait is over when a stall is, and the answer is made.
func (s *serve) wait(begun time.Time, came time.Duration) {
	if s.Every > 0 {
		if into := came % s.Every; into < s.Stall {
			time.Sleep(s.Stall - into)
		}
	}
	if s.Answer > 0 {
		time.Sleep(s.Answer)
	}
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.n
}

func reply(path string, a *arrivals) []byte {
	var told any
	switch path {
	case pathArrivals:
		told = a.take()
	case pathCount:
		told = a.count()
	default:
		return []byte(notFound)
	}
	text, err := json.Marshal(told)
	if err != nil {
		return []byte(notFound)
	}
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

type head struct {
	post   bool
	path   string
	length int
}

func readHead(r *bufio.Reader) (h head, err error) {
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return h, err
		}
		line = bytes.TrimSpace(line)
		switch {
		case first:
			method, rest, _ := bytes.Cut(line, []byte(" "))
			path, _, _ := bytes.Cut(rest, []byte(" "))
			h.post, h.path = string(method) == "POST", string(path)
		case len(line) == 0:
			return h, nil
		default:
			name, value, _ := bytes.Cut(line, []byte(":"))
			if bytes.EqualFold(name, []byte("content-length")) {
				if h.length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
					return h, err
				}
			}
		}
	}
}
