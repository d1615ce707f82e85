// Package balance decides which replica gets the next request, and which request gets the next replica.
//
// A replica has a credit for each of its slots; a request takes one and gives it back, so no replica queues while another idles. Requests
// wait in one Line. Replicas that fail are set aside and tried again later.
//
// Nothing here keeps time or locks: now is an argument, and one goroutine at a time may use a Pool, a Line and a RetryBudget.
package balance

import "time"

// Endpoint is where a replica can be reached, as discovery sees it.
type Endpoint struct {
	Name string // unique: the pod's name, or the URL itself
	URL  string // scheme, host and port
	// Serving is false while it is not ready, or is shutting down: it gets no new requests and finishes what it has.
	Serving bool
	// Unready is one that is listed, does not shut down, and is said not to be ready: it starts, fails its probe, or nobody hears of its
	// node. A Pool is not told of these.
	Unready bool
}

// State is where a replica stands.
type State string

// The states. Connecting: its slots are not known yet.
const (
	Connecting State = "connecting"
	Ready      State = "ready"
	Ejected    State = "ejected"
	Draining   State = "draining"
)

// Status is a replica as others see it.
type Status struct {
	Endpoint
	State    State
	Slots    int
	InFlight int
	Capacity float64
	Latency  time.Duration // moving average of its answers; 0: none yet
}
