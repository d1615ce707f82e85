package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"resnet-autoscaling/internal/api"
)

// Ending is how an errand ended: the status of its answer, or one of these.
type Ending int

// The endings without an answer.
const (
	Lost   Ending = -iota // the connection failed, or the answer never came
	Closed                // the server closed the connection
	Left                  // the client left, as it meant to
	Cut                   // the soak ended before the errand did
)

// String is the status, or what happened in words.
func (e Ending) String() string {
	switch e {
	case Lost:
		return "lost"
	case Closed:
		return "closed"
	case Left:
		return "left"
	case Cut:
		return "cut short"
	}
	return strconv.Itoa(int(e))
}

// ended is what came of a request.
type ended struct {
	end    Ending
	body   []byte
	waited time.Duration // for the answer, once all was sent
	err    error         // why there is no answer
}

func lost(err error) ended { return ended{end: Lost, err: err} }

// message is a request.
type message struct {
	method, path string
	header       []string // names and values in turn
	body         []byte
	chunked      bool // does not say how long its body is
}

func (m message) request(ctx context.Context, server string) (*http.Request, error) {
	body := io.Reader(bytes.NewReader(m.body))
	if m.chunked {
		body = struct{ io.Reader }{body} // its length cannot be seen
	}
	request, err := http.NewRequestWithContext(ctx, m.method, server+m.path, body)
	if err != nil {
		return nil, err
	}
	for pair := range slices.Chunk(m.header, 2) {
		request.Header.Add(pair[0], pair[1])
	}
	return request, nil
}

// manner is how a client behaves that has a connection of its own; nil: as clients do that share connections.
type manner func(ctx context.Context, l *line, text []byte) ended

func (c *crowd) do(ctx context.Context, e errand) ended {
	request, err := e.request(ctx, c.o.URL)
	if err != nil {
		return lost(err)
	}
	if e.how == nil {
		begin := time.Now() // sending takes next to nothing
		answer, err := c.polite.Do(request)
		return read(begin, answer, err)
	}
	var text bytes.Buffer
	if err := request.Write(&text); err != nil {
		return lost(err)
	}
	l, err := dial(ctx, c.host)
	if err != nil {
		return lost(err)
	}
	defer l.close()
	return e.how(ctx, l, text.Bytes())
}

func read(begin time.Time, answer *http.Response, err error) ended {
	if err != nil {
		return lost(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return lost(err)
	}
	return ended{end: Ending(answer.StatusCode), body: body, waited: time.Since(begin)}
}

// line is a connection that one client has for itself.
type line struct {
	conn    *net.TCPConn
	from    *bufio.Reader
	release func() bool
}

// dial connects; the end of ctx cuts the line.
func dial(ctx context.Context, host string) (*line, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	l := &line{conn: conn.(*net.TCPConn), from: bufio.NewReader(conn)}
	l.release = context.AfterFunc(ctx, func() { conn.Close() })
	return l, nil
}

func (l *line) close() {
	l.release()
	l.conn.Close()
}

// say sends a text in pieces, with a rest behind each.
func (l *line) say(ctx context.Context, text []byte, pieces int, rest time.Duration) error {
	for piece := range slices.Chunk(text, max(1, (len(text)+pieces-1)/pieces)) {
		if _, err := l.conn.Write(piece); err != nil {
			return err
		}
		if rest > 0 && pause(ctx, rest) != nil {
			return ctx.Err()
		}
	}
	return nil
}

// hear waits for an answer, or for the server to close the line.
func (l *line) hear(most time.Duration) ended {
	begin := time.Now()
	if err := l.conn.SetReadDeadline(begin.Add(most)); err != nil {
		return lost(err)
	}
	if _, err := l.from.Peek(1); errors.Is(err, io.EOF) {
		return ended{end: Closed, err: err}
	}
	answer, err := http.ReadResponse(l.from, nil)
	return read(begin, answer, err)
}

// ask sends a text at once and waits for its answer.
func (l *line) ask(text []byte) ended {
	if _, err := l.conn.Write(text); err != nil {
		return lost(err)
	}
	return l.hear(answerTimeout)
}

// slowly sends a request in pieces and waits for the answer.
func slowly(pieces int, rest time.Duration) manner {
	return func(ctx context.Context, l *line, text []byte) ended {
		if err := l.say(ctx, text, pieces, rest); err != nil {
			return lost(err)
		}
		return l.hear(answerTimeout)
	}
}

// halting sends the beginning of a request and then nothing more; it waits for what the server makes of that.
func halting(beginning func(text []byte) []byte) manner {
	return func(_ context.Context, l *line, text []byte) ended { return l.ask(beginning(text)) }
}

func nothing([]byte) []byte { return nil }

func firstLine(text []byte) []byte { return text[:bytes.IndexByte(text, '\n')+1] }

// leaving sends a share of a request, waits, and hangs up: in order, or at once with a reset.
func leaving(share float64, after time.Duration, reset bool) manner {
	return func(ctx context.Context, l *line, text []byte) ended {
		if _, err := l.conn.Write(part(text, share)); err != nil {
			return lost(err)
		}
		if err := pause(ctx, after); err != nil {
			return ended{end: Cut, err: err}
		}
		if reset {
			if err := l.conn.SetLinger(0); err != nil {
				return lost(err)
			}
		}
		return ended{end: Left}
	}
}

// staying asks, says nothing for a while, and asks again over the same line.
func staying(idle time.Duration) manner {
	return func(ctx context.Context, l *line, text []byte) ended {
		if first := l.ask(text); first.err != nil {
			return first
		}
		if err := pause(ctx, idle); err != nil {
			return ended{end: Cut, err: err}
		}
		return l.ask(text)
	}
}

// outstaying asks, and then waits for the server to have enough of it.
func outstaying(_ context.Context, l *line, text []byte) ended {
	if first := l.ask(text); first.err != nil {
		return first
	}
	const most = 3 * time.Minute
	return l.hear(most)
}

func part(text []byte, share float64) []byte { return text[:int(share*float64(len(text)))] }

// explained tells whether an answer that refuses says why, as problem+json or as the Open Inference Protocol does.
func explained(body []byte) bool {
	var reason struct{ Detail, Error string }
	return json.Unmarshal(body, &reason) == nil && reason.Detail+reason.Error != ""
}

// essence is the part of an answer that is the same every time: it has the times that things took beside it.
func essence(path string, body []byte) []byte {
	if !strings.HasPrefix(path, api.PathPredict) {
		return body
	}
	var answer struct {
		Predictions json.RawMessage `json:"predictions"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Appendf(nil, "%v in %s", err, body)
	}
	return answer.Predictions
}
