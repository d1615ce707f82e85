package soak

import (
	"math/rand/v2"
	"net/http"
	"time"

	"resnet-autoscaling/internal/api"
)

// rude are clients that are slow, hang up, or stay and say nothing.
func (m Material) rude() []kind {
	photo := func(r *rand.Rand, how manner, may ...Ending) errand {
		e := either(r, pick(r, m.photos))
		e.how, e.may = how, may
		return e
	}
	return []kind{
		{"slow client", 12, func(r *rand.Rand) errand {
			const pieces = 20
			return photo(r, slowly(pieces, duration(r, 100*time.Millisecond, 500*time.Millisecond)), answered...)
		}},
		{"client that stops in the header", 2, func(r *rand.Rand) errand { return photo(r, halting(firstLine), Closed) }},
		{"client that stops in the body", 2, func(r *rand.Rand) errand {
			share := 0.5 + r.Float64()/3
			return photo(r, halting(func(text []byte) []byte { return part(text, share) }), http.StatusRequestTimeout)
		}},
		{"client that says nothing", 2, func(r *rand.Rand) errand { return photo(r, halting(nothing), Closed) }},
		{"hangs up half-way", 30, func(r *rand.Rand) errand {
			return photo(r, leaving(r.Float64(), duration(r, 0, 2*time.Second), r.IntN(2) == 0), Left)
		}},
		{"hangs up while it waits", 30, func(r *rand.Rand) errand {
			return photo(r, leaving(1, duration(r, 0, 100*time.Millisecond), r.IntN(2) == 0), Left)
		}},
		{"stays and asks again", 12, func(r *rand.Rand) errand {
			return photo(r, staying(duration(r, time.Second, time.Minute)), answered...)
		}},
		{"stays and says nothing", 1, func(r *rand.Rand) errand { return photo(r, outstaying, Closed) }},
	}
}

func duration(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// probes are what monitors ask, and what is not there.
func (m Material) probes() []kind {
	get := func(path string, status Ending) errand {
		return errand{message: message{method: http.MethodGet, path: path}, may: []Ending{status}}
	}
	there := []string{
		api.PathHealthz, api.PathReadyz, api.PathMetrics, "/openapi.json",
		"/v2", "/v2/health/live", "/v2/health/ready", m.modelPath(), m.modelPath() + "/config", m.modelPath() + "/stats",
	}
	return []kind{
		{"probe", 60, func(r *rand.Rand) errand { return get(pick(r, there), http.StatusOK) }},
		{"nothing there", 10, func(r *rand.Rand) errand {
			return get(pick(r, []string{"/", "/predict/it", m.modelPath() + "-of-others", "/v3"}), http.StatusNotFound)
		}},
		{"wrong verb", 10, func(r *rand.Rand) errand {
			return get(pick(r, []string{api.PathPredict, m.modelPath() + "/infer"}), http.StatusMethodNotAllowed)
		}},
	}
}
