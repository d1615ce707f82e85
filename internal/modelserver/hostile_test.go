package modelserver_test

import (
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
