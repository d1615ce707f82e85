package httpserve_test

import (
	"bufio"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"resnet-autoscaling/internal/httpserve"
)

// reserved connects to a server whose clients may keep connections in reserve for so long. The server has little time for a request, and
// less for its header.
func reserved(t *testing.T, rest time.Duration) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body) // a request that is cut off has no answer, as its sender sees
		}),
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, IdleTimeout: time.Hour, ErrorLog: log.New(io.Discard, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(httpserve.Reserve(l, rest)) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	headerTime  = 100 * time.Millisecond
	requestTime = 1500 * time.Millisecond // enough on a busy machine, with the client waiting for the server in between

	header = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
	body   = "body"
)

func TestAConnectionInReserveIsNotClosedUnderItsFirstRequest(t *testing.T) {
	c := reserved(t, time.Hour)
	time.Sleep(requestTime + headerTime) // it would be closed, and its first request would have no time left
	answers := bufio.NewReader(c)
	for range 2 {
		var said string
		for _, part := range []string{header, body} { // the body is sent only when it is asked for
			if _, err := io.WriteString(c, part); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			said = string(text)
		}
		if said != body {
			t.Errorf("%q", said)
		}
	}
}

func TestAServerLetsConnectionsBeInReserve(t *testing.T) {
	t.Parallel()
	r := run(t, func(*httpserve.Options) {})
	c, err := net.Dial("tcp", r.url[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(6 * time.Second)); err != nil { // the time for a header is 5 s
		t.Fatal(err)
	}
	if said, err := io.ReadAll(c); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q, %v: it was closed", said, err)
	}
}

// The client does nothing more, and waits for the server to close the connection.
func TestWhatAConnectionMayNotDo(t *testing.T) {
	for name, c := range map[string]struct {
		rest time.Duration
		sent string
	}{
		"be in reserve for ever":  {headerTime, ""},
		"begin a header and stop": {time.Hour, header[:10]},
		"begin a body and stop":   {time.Hour, header + body[:2]},
	} {
		t.Run(name, func(t *testing.T) {
			conn := reserved(t, c.rest)
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			if said, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("it is still open after a minute; the server said %q", said)
			}
		})
	}
}
