package dispatcher

import (
	"net/http"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"
)

// guard lets in who has a key, where keys are asked for, and who keeps to the rate. Who is refused has not arrived: no replica more would
// help. Nobody behind it sees the key, nor a wish to turn the connection into one of another protocol.
func (s *Service) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.admit(r); err != nil {
			httpserve.ReadOn(w, r)
			httpserve.WriteError(w, r, err, s.o.Log)
			return
		}
		r.Header.Del("Upgrade")
		next.ServeHTTP(w, r)
	})
}

// admit counts a request without a key against its address, so that trying keys out is limited too.
func (s *Service) admit(r *http.Request) error {
	key, why, err := apiKey{}, "", error(nil)
	if s.o.Keys != nil {
		key, why, err = s.o.Keys.admit(r.Header)
		r.Header.Del("Authorization")
	}
	tripOf(r.Context()).key = key.name
	limit := s.o.RateLimit
	if key.ownLimit {
		limit = key.rps
	}
	if wait := s.limits.take(clientOf(r), limit, time.Now()); wait > 0 {
		s.metrics.shed.WithLabelValues(shedRateLimit).Inc()
		return tooMany(limit, wait)
	}
	if err != nil {
		s.metrics.unauthorized.WithLabelValues(why).Inc()
	}
	return err
}

func tooMany(limit float64, wait time.Duration) error {
	p := api.NewProblem(http.StatusTooManyRequests, "rate-limit", "more than the %v requests a second that you may send: wait %v",
		limit, wait.Round(time.Millisecond))
	p.RetryAfter = wait
	return p
}
