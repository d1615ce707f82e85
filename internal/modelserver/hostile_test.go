package modelserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"resnet-autoscaling/internal/testkit/hostile"
)

func TestHostileRequests(t *testing.T) {
	s := serve(t, realOptions(t))
	address := strings.TrimPrefix(s.url, "http://")
	hostile.Try(t, address)
	// What the dispatcher lets through under /v2 leads nowhere else.
	for _, path := range []string{"/v2/%2e%2e/metrics", "/v2/models/%2e%2e/%2e%2e/metrics", "/v2/models/..%2f..%2fmetrics", "/v2/..;/metrics"} {
		answers, text := hostile.Send(t, address, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if answers != "404" || strings.Contains(text, "inference_") {
			t.Errorf("%s: %s", path, text)
		}
	}
}

// A form costs its sender more than the server: whatever its parts are, it is refused in a few words.
func TestHostileFormsAreRefusedBriefly(t *testing.T) {
	s := serve(t, realOptions(t))
	const boundary, size = "--x\r\n", 900 << 10
	part := func(header, body string) string { return boundary + header + "\r\n\r\n" + body + "\r\n" }
	for name, form := range map[string]string{
		"a long name":         part(`Content-Disposition: form-data; name="`+strings.Repeat(`\"`, size/2)+`"`, "x"),
		"many names":          strings.Repeat(part(`Content-Disposition: form-data; name="`+strings.Repeat("a", 20<<10)+`"`, "x"), 40),
		"many parts":          strings.Repeat(part("Content-Disposition: form-data; name=a", ""), size/64),
		"a large header":      part("X-A: "+strings.Repeat("a", size), "x"),
		"many headers":        part(strings.Repeat("X-A: a\r\n", size/8)+"X-B: b", "x"),
		"a form within":       part("Content-Disposition: form-data; name=a\r\nContent-Type: multipart/mixed; boundary=x", strings.Repeat(part("", ""), 1000)),
		"no end":              boundary + strings.Repeat("a", size),
		"nothing but a start": boundary,
	} {
		before := s.metric(t, `inference_requests_total{outcome="invalid"}`)
		resp, body := s.post(t, "/predict", "multipart/form-data; boundary=x", strings.NewReader(form))
		if resp.StatusCode != http.StatusBadRequest || len(body) > 16<<10 {
			t.Errorf("%s: %s and %d bytes", name, resp.Status, len(body))
		}
		if after := s.metric(t, `inference_requests_total{outcome="invalid"}`); after == before {
			t.Errorf("%s is not counted as invalid: %s", name, fmt.Sprint(before, after))
		}
	}
}
