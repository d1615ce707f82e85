package dispatcher

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

// Limits holds clients to their rates at times of the test's choice.
type Limits struct{ limits *limits }

func NewLimits() Limits { return Limits{newLimits()} }

func (l Limits) Take(client string, rps float64, now time.Time) time.Duration {
	return l.limits.take(client, rps, now)
}

func (l Limits) Len() int { return l.limits.buckets.Len() }

// KeyFinder tells of a keys file whose a key is.
func KeyFinder(text string) (find func(key string) (name string), err error) {
	ring, err := parseKeys(text)
	return func(key string) string {
		found, _ := ring.find(key)
		return found.name
	}, err
}

// LogAccess logs the requests of a handler as a dispatcher does.
func LogAccess(log *slog.Logger, sample float64, next http.Handler) http.Handler {
	return newAccessLog(log, sample).middleware(next)
}

// Routes are what a dispatcher serves beside the probes and /metrics.
func Routes(s *Service) chi.Routes {
	r := chi.NewRouter()
	s.routes(r)
	return r
}

// Close gives back the listener of a service that never runs.
func Close(s *Service) error { return s.server.Close() }

// NewDisputes is the discovery that asks where another one is not to be believed.
func NewDisputes(o Options) Discovery { return newDisputes(o) }
