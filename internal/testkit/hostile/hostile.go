// Package hostile sends HTTP servers what no client in good faith sends: requests that two servers in a row could read as two different
// ones, headers and paths that smuggle line ends and dots, and sizes beyond reason.
package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// last is an innocent request behind each hostile one: it shows where the server thinks that one has ended, and lets it close.
const last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

const post = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"

// request is bytes on a connection, and the statuses of the answers as a pattern: "400", or "4.. 200" where the connection may go on.
type request struct{ name, text, answers string }

var requests = []request{
	// Where does the request end?
	{"two lengths", post + "Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello" + last, "400"},
	{"a list of lengths", post + "Content-Length: 5, 50\r\n\r\nhello" + last, "400"},
	{"a signed length", post + "Content-Length: +5\r\n\r\nhello" + last, "400"},
	{"a negative length", post + "Content-Length: -5\r\n\r\nhello" + last, "400"},
	{"a length beyond counting", post + "Content-Length: 99999999999999999999\r\n\r\nhello" + last, "400"},
	// By its length it would be two requests; either way nothing behind it is answered.
	{"a length and chunks", "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + last, "404"},
	{"a length, chunks and an old version", "POST /none HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + last, "404"},
	{"an unknown encoding", post + "Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + last, "501"},
	{"an encoding with a tail", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + last, "501"},
	{"two encodings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + last, "501"},
	{"an encoding behind a space", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + last, "400"},
	{"a chunk's size with a prefix", post + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" + last, "400"},
	{"a chunk's size beyond counting", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n" + last, "400"},
	{"a chunk that is longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n0\r\n\r\n" + last, "400"},

	// Whose request is it?
	{"no host", "GET /healthz HTTP/1.1\r\n\r\n", "400"},
	{"two hosts", "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
	{"a host with a path", "GET /healthz HTTP/1.1\r\nHost: x/y\r\n\r\n", "400"},
	{"another server's URL", "GET http://evil.test/healthz HTTP/1.1\r\nHost: x\r\n\r\n" + last, "200 200"},
	{"a tunnel", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n" + last, "4.. 200"},
	{"an echo", "TRACE /healthz HTTP/1.1\r\nHost: x\r\nX-Injected: yes\r\n\r\n" + last, "405 200"},
	{"another protocol", "GET /none HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + last, "404 200"},
	{"another version", "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", "505"},
	{"an expectation that nobody has", post + "Expect: the-unexpected\r\nContent-Length: 5\r\n\r\nhello", "417"},

	// What is in a name?
	{"a NUL in a header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n", "400"},
	{"a bare CR in a header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\rX-Injected: yes\r\n\r\n", "400"},
	{"a header without a name", "GET /healthz HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n", "400"},
	{"a method that is none", "GE(T /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
	{"line ends in a path", "GET /none%0d%0aX-Injected:%20yes%0d%0a%0d%0a HTTP/1.1\r\nHost: x\r\n\r\n" + last, "404 200"},
	{"line ends in a query", "GET /none?a=%0d%0aX-Injected:%20yes HTTP/1.1\r\nHost: x\r\n\r\n" + last, "404 200"},
	{"a request's id with a quote", "GET /none HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\" X-Injected=yes\r\n\r\n" + last, "404 200"},
	{"dots", "GET /../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n" + last, "404 200"},
	{"dots in disguise", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n" + last, "404 200"},
	{"slashes in disguise", "GET /healthz/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\n\r\n" + last, "404 200"},
	{"a NUL in a path", "GET /healthz%00 HTTP/1.1\r\nHost: x\r\n\r\n" + last, "404 200"},
	{"a path that is no text", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},

	// How much?
	{"a large header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 100<<10) + "\r\n\r\n", "431"},
	{"many headers", "GET /healthz HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: a\r\n", 20<<10) + "\r\n", "431"},
	{"a long path", "GET /" + strings.Repeat("a", 100<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
}

// Try sends all of it to the server at an address, which has to answer each as the standard says, give nothing away and serve on.
func Try(t *testing.T, address string) {
	t.Helper()
	for _, r := range requests {
		t.Run(r.name, func(t *testing.T) {
			got, answers := Send(t, address, r.text)
			if !regexp.MustCompile("^" + r.answers + "$").MatchString(got) {
				t.Errorf("answered %q, want %s", got, r.answers)
			}
			if header := regexp.MustCompile(`(?m)^X-Injected`).FindString(answers); header != "" || strings.Contains(answers, "root:") {
				t.Errorf("the answers have what was smuggled in:\n%s", answers)
			}
		})
	}
	if got, _ := Send(t, address, last); got != "200" {
		t.Errorf("afterwards it answers %q", got)
	}
}

// patience is for machines that are loaded beyond reason.
const patience = time.Minute

// Send puts bytes on a connection, and returns the statuses of the answers, and the answers as they came, once the server has closed it.
func Send(t *testing.T, address, text string) (statuses, answers string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }() // a server need not read what it has refused
	var all strings.Builder
	var codes []string
	for read := bufio.NewReader(io.TeeReader(conn, &all)); ; {
		resp, err := http.ReadResponse(read, nil)
		if err == nil {
			codes = append(codes, fmt.Sprint(resp.StatusCode))
			_, err = io.Copy(io.Discard, resp.Body)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return strings.Join(codes, " "), all.String()
		}
		if err != nil {
			t.Fatalf("after %v: %v", codes, err)
		}
	}
}
