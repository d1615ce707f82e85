package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Paths that every part agrees on.
const (
	PathPredict = "/predict"
	PathHealthz = "/healthz"
	PathReadyz  = "/readyz"
	PathMetrics = "/metrics"
	PathStatus  = "/status"
	PathOpenAPI = "/openapi.json"
	// PathV2 is what everything of the Open Inference Protocol is under.
	PathV2 = "/v2"
)

// Headers of the contract.
const (
	// HeaderRequestID names a request in every log that sees it.
	HeaderRequestID = "X-Request-Id"
	// HeaderTimeout is the caller's patience in whole milliseconds; the shorter of it and the server's own limit holds.
	HeaderTimeout = "X-Request-Timeout-Ms"
	// HeaderImages on an answer says how many pictures the request held, so that nobody parses bodies to know.
	HeaderImages = "X-Inference-Images"
	// HeaderSlots and HeaderCapacity are on every answer of a model server, also of /readyz: how many requests it runs at
	// once, and how many pictures a second it measured itself to manage.
	HeaderSlots    = "X-Inference-Slots"
	HeaderCapacity = "X-Inference-Capacity-Rps"
	// HeaderLoad beside them is how many requests the model server still holds, running and waiting, whoever sent them: so that
	// several dispatchers know of each other's.
	HeaderLoad = "X-Inference-Load"
)

// Capability is what a replica says of itself.
type Capability struct {
	Slots       int     // requests in inference at once, at least 1
	CapacityRPS float64 // pictures per second over all slots; 0: not measured yet
	Load        int     // requests that it holds, running and waiting; negative: not told
}

// Set writes c onto an answer's headers.
func (c Capability) Set(h http.Header) {
	h.Set(HeaderSlots, strconv.Itoa(c.Slots))
	h.Set(HeaderCapacity, strconv.FormatFloat(c.CapacityRPS, 'g', 6, 64))
	if c.Load >= 0 {
		h.Set(HeaderLoad, strconv.Itoa(c.Load))
	}
}

// CapabilityFrom reads what Set wrote. ok is false where the headers are absent or make no sense.
func CapabilityFrom(h http.Header) (c Capability, ok bool) {
	slots, err := strconv.Atoi(h.Get(HeaderSlots))
	if err != nil || slots < 1 {
		return Capability{}, false
	}
	rps, err := strconv.ParseFloat(h.Get(HeaderCapacity), 64)
	if err != nil || !(rps >= 0 && rps < 1e9) {
		return Capability{}, false
	}
	load, err := strconv.Atoi(h.Get(HeaderLoad))
	if err != nil || load < 0 {
		load = -1
	}
	return Capability{Slots: slots, CapacityRPS: rps, Load: load}, true
}

// Timeout is the shorter of the server's limit and the caller's X-Request-Timeout-Ms.
// A header that is not a positive whole number is the caller's mistake and comes back as a 400.
func Timeout(h http.Header, limit time.Duration) (time.Duration, error) {
	if len(h.Values(HeaderTimeout)) == 0 {
		return limit, nil
	}
	text := h.Get(HeaderTimeout)
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 {
		return 0, NewProblem(http.StatusBadRequest, "bad-parameter",
			"%s is %q: send a whole number of milliseconds above 0, or leave the header out for %v", HeaderTimeout, text, limit)
	}
	if ms >= limit.Milliseconds() {
		return limit, nil
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// FormatTimeout is the value of HeaderTimeout for what is left of a deadline, never less than one millisecond.
func FormatTimeout(left time.Duration) string {
	return fmt.Sprint(max(1, left.Milliseconds()))
}
