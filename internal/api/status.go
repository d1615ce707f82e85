package api

// ReplicaState is where a replica stands in the dispatcher's eyes.
type ReplicaState string

// The states of a replica. Connecting: known, its slots not learned yet.
const (
	ReplicaConnecting ReplicaState = "connecting"
	ReplicaReady      ReplicaState = "ready"
	ReplicaEjected    ReplicaState = "ejected"
	ReplicaDraining   ReplicaState = "draining"
)

// DispatcherStatus answers the dispatcher's GET /status.
type DispatcherStatus struct {
	Replicas []ReplicaStatus `json:"replicas"`
	Queue    QueueStatus     `json:"queue"`
	Rates    RateStatus      `json:"rates"`
	Latency  LatencyStatus   `json:"latency_ms"`
	// Decisions says whether the autoscaler's decisions, which GET /events tells, can be read.
	Decisions DecisionsState `json:"decisions"`
}

// ReplicaStatus is one replica as the dispatcher sees it.
type ReplicaStatus struct {
	Name        string       `json:"name"`
	URL         string       `json:"url"`
	State       ReplicaState `json:"state"`
	Slots       int          `json:"slots"`
	InFlight    int          `json:"in_flight"`
	CapacityRPS float64      `json:"capacity_rps"`
	LatencyMS   float64      `json:"latency_ms"` // a moving average of its answers; 0 before the first
	// Disputed is one that serves by its own word: most were said not to be ready any more, and it says that it is.
	Disputed bool `json:"disputed,omitempty"`
}

// QueueStatus is the dispatcher's one queue: requests that wait for a credit.
type QueueStatus struct {
	Length    int   `json:"length"`
	Limit     int   `json:"limit"`
	HeldBytes int64 `json:"held_bytes"`
	MaxBytes  int64 `json:"max_bytes"`
}

// RateStatus is requests per second over the last ten seconds.
type RateStatus struct {
	OfferedRPS float64 `json:"offered_rps"`
	ServedRPS  float64 `json:"served_rps"`
	FailedRPS  float64 `json:"failed_rps"`
}

// LatencyStatus is how long callers waited for the good answers of the last thirty seconds, in milliseconds: from the request's arrival,
// with the wait in the queue and all tries, to the end of its answer. Refusals and errors, which may be quick, are in the rates.
type LatencyStatus struct {
	P50     float64 `json:"p50"` // 0 where there were no answers
	P99     float64 `json:"p99"`
	Answers int64   `json:"answers"` // how many these are percentiles of
}

// DecisionsState is whether the autoscaler's decisions can be read.
type DecisionsState string

// The states. None: there is no cluster to read them from. Unreadable: also before the first answer.
const (
	DecisionsNone       DecisionsState = "none"
	DecisionsFollowed   DecisionsState = "followed"
	DecisionsUnreadable DecisionsState = "unreadable"
)

// ReadyReplicas counts the replicas that take requests.
func (s DispatcherStatus) ReadyReplicas() int {
	n := 0
	for _, r := range s.Replicas {
		if r.State == ReplicaReady {
			n++
		}
	}
	return n
}
