// Package dispatcher is the address that users have: one queue for all replicas, a request leaving it only when a replica has a free slot,
// and another try elsewhere when a replica dies.
package dispatcher

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/httpserve"

	"github.com/prometheus/client_golang/prometheus"
)

// Discovery finds the replicas. Watch calls changed with all of them, at first and after each change, until ctx ends.
type Discovery interface {
	Watch(ctx context.Context, changed func([]balance.Endpoint)) error
}

// Options are the settings of a Service. All are required, but those whose zero value has a meaning.
type Options struct {
	Listen       string
	AdminListen  string                 // where /metrics is, and the probes are too, in plain http; "": /metrics is on Listen
	Certificate  *httpserve.Certificate // nil: Listen speaks plain http
	Keys         *Keys                  // nil: nobody is asked for a key
	RateLimit    float64                // requests a second of one client; 0: as many as it likes
	LogSample    float64                // the share of good requests that get a line in the log, 0 to 1
	Discovery    Discovery
	Decisions    Decisions         // of the autoscaler; nil: there is no cluster to read them from
	Notices      Notices           // nil: there is no cluster to write them to
	Transport    http.RoundTripper // to the replicas
	Queue        int               // requests that may wait
	QueueTimeout time.Duration     // longest wait while there are replicas
	Timeout      time.Duration     // longest time for a request, all tries together
	MaxHeldBytes int64             // of bodies held, waiting or in flight
	MaxBody      int64             // of one body
	// AttemptTimeout is how long a replica may take before the request goes elsewhere; 0: four times its own p99, at least a second.
	AttemptTimeout time.Duration
	DrainDelay     time.Duration
	DrainTimeout   time.Duration
	Registry       *prometheus.Registry
	Log            *slog.Logger
}

func (o Options) validate() error {
	return errors.Join(
		command.Check(o.Queue >= 1, "--queue", o.Queue, "must be at least 1"),
		command.Check(o.QueueTimeout > 0, "--queue-timeout", o.QueueTimeout, "must be above 0"),
		command.Check(o.Timeout > 0, "--timeout", o.Timeout, "must be above 0"),
		command.Check(o.MaxBody >= 1, "--max-body", o.MaxBody, "must be at least 1 byte"),
		command.Check(o.MaxHeldBytes >= o.MaxBody, "--max-held-bytes", o.MaxHeldBytes, "must be at least --max-body"),
		command.Check(isRate(o.RateLimit), "--rate-limit", o.RateLimit, "must be a number of requests a second, or 0 for no limit"),
		command.Check(o.LogSample >= 0 && o.LogSample <= 1, "--access-log-sample", o.LogSample, "must be from 0 to 1"),
		command.Check(o.AttemptTimeout >= 0, "--attempt-timeout", o.AttemptTimeout, "must not be negative"),
		command.Check(o.DrainDelay >= 0, "--drain-delay", o.DrainDelay, "must not be negative"),
		command.Check(o.DrainTimeout > 0, "--drain-timeout", o.DrainTimeout, "must be above 0"),
	)
}
