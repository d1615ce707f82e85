package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
)

func TestProblemOnTheWire(t *testing.T) {
	p := api.NewProblem(http.StatusServiceUnavailable, "queue-full", "%d requests wait already", 8)
	p.RetryAfter = 1200 * time.Millisecond
	w := httptest.NewRecorder()
	p.Write(w, "abc")

	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for member, want := range map[string]any{
		"type": "urn:resnet-autoscaling:problem:queue-full", "title": "Queue full", "status": 503.0,
		"detail": "8 requests wait already", "instance": "urn:request:abc",
	} {
		if got[member] != want {
			t.Errorf("%s is %v, want %v", member, got[member], want)
		}
	}
	if w.Code != 503 || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Retry-After") != "2" {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
	if p.Instance != "" {
		t.Error("writing a problem changed it: it may be shared")
	}
}

func TestTimeoutIsTheShorter(t *testing.T) {
	const limit = 10 * time.Second
	for header, want := range map[string]time.Duration{
		"1": time.Millisecond, "250": 250 * time.Millisecond, "10000": limit, "9223372036854775807": limit,
	} {
		got, err := api.Timeout(http.Header{api.HeaderTimeout: {header}}, limit)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", header, got, err, want)
		}
	}
	if got, err := api.Timeout(http.Header{}, limit); err != nil || got != limit {
		t.Errorf("without the header: %v, %v", got, err)
	}
	for _, header := range []string{"", "0", "-5", "1.5", "soon", "9223372036854775808"} {
		var p *api.Problem
		if _, err := api.Timeout(http.Header{api.HeaderTimeout: {header}}, limit); !errors.As(err, &p) || p.Status != 400 {
			t.Errorf("%q: %v, want a 400", header, err)
		}
	}
}

func TestCapabilityRoundTrip(t *testing.T) {
	h := http.Header{}
	want := api.Capability{Slots: 3, CapacityRPS: 98.75}
	want.Set(h)
	if got, ok := api.CapabilityFrom(h); !ok || got != want {
		t.Errorf("%+v %v, want %+v", got, ok, want)
	}
	for _, bad := range [][2]string{{"", "1"}, {"0", "1"}, {"x", "1"}, {"1", ""}, {"1", "NaN"}, {"1", "-1"}, {"1", "+Inf"}} {
		h := http.Header{}
		h.Set(api.HeaderSlots, bad[0])
		h.Set(api.HeaderCapacity, bad[1])
		if c, ok := api.CapabilityFrom(h); ok {
			t.Errorf("slots %q capacity %q was believed: %+v", bad[0], bad[1], c)
		}
	}
}
