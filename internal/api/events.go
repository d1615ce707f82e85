package api

import (
	"fmt"
	"hash/fnv"
	"time"
)

// PathEvents is the dispatcher's stream of server-sent events.
const PathEvents = "/events"

// The events of GET /events. Each one's data is one line of JSON. Beside them come comments, so that a listener can tell a quiet stream
// from a dead one.
const (
	// EventHistory comes once, at first: the rates of the last two minutes as a list of RateStatus, one a second, oldest first.
	EventHistory = "history"
	// EventDecision is a Decision. At first come those that the dispatcher remembers: a listener that comes again, or to another
	// dispatcher, knows by their ids which it had.
	EventDecision = "decision"
	// EventStatus is a DispatcherStatus: at first, and about once a second while anything changes.
	EventStatus = "status"
)

// Decision is something that the autoscaler did, or that kept it from doing anything.
type Decision struct {
	At   time.Time `json:"at"` // to the second
	Text string    `json:"text"`
}

// ID is the decision's event id, the same at every dispatcher.
func (d Decision) ID() string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(d.Text)) // a hash takes everything
	return fmt.Sprintf("%d-%08x", d.At.Unix(), sum.Sum32())
}
