package modelserver_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/modelserver"
)

// sendInHalves posts a body whose second half comes after a pause.
func (s *server) sendInHalves(t *testing.T, path string, headers []string, body []byte, pause time.Duration) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: server\r\nContent-Length: %d\r\n", path, len(body))
	for i := 0; i < len(headers); i += 2 {
		head += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n%s", head, body[:len(body)/2]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(pause)
	if _, err := conn.Write(body[len(body)/2:]); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// Receiving a body has a time-out of its own: what a slow client takes for it is not taken from the time for the work. A caller that
// says how long it waits means all of it.
func TestOnlyTheCallersOwnDeadlineCountsWhileTheBodyArrives(t *testing.T) {
	const timeout = time.Second
	s, slot := held(t, func(o *modelserver.Options) { o.Timeout = timeout })
	picture := jpegOf(t, ball())
	for _, c := range []struct {
		name, path string
		headers    []string
		body       []byte
		status     int
	}{
		{"picture", "/predict", nil, picture, http.StatusOK},
		{"picture, impatient", "/predict", []string{api.HeaderTimeout, "900"}, picture, http.StatusGatewayTimeout},
		{"inference", infer, kindJSON, ofImages("", picture), http.StatusOK},
		{"inference, impatient", infer, append(kindJSON, api.HeaderTimeout, "900"), ofImages("", picture), http.StatusGatewayTimeout},
		{"inference, impatient by its parameter", infer, kindJSON, ofImages(`"parameters":{"timeout":900000},`, picture), http.StatusGatewayTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.status == http.StatusOK {
				go func() { <-slot.entered; slot.pass <- struct{}{} }()
			}
			if got := s.sendInHalves(t, c.path, c.headers, c.body, timeout*3/2); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
		})
	}
}
