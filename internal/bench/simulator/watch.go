package main

import (
	"context"
	"net/http"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/stage"
)

// sight is how many replicas took requests at a time.
type sight struct {
	at    time.Time
	names []string
}

// watch looks at the dispatcher's replicas again and again; calling what it returns ends it.
func watch(ctx context.Context) func() []sight {
	ctx, stop := context.WithCancel(ctx)
	seen := make(chan []sight, 1)
	go func() {
		var all []sight
		for sleep(ctx, watching) == nil {
			var status api.DispatcherStatus
			if err := stage.Ask(ctx, http.DefaultClient, at(8080)+api.PathStatus, &status); err != nil {
				continue // the next look is soon
			}
			s := sight{at: time.Now()}
			for _, r := range status.Replicas {
				if r.State == api.ReplicaReady {
					s.names = append(s.names, r.Name)
				}
			}
			all = append(all, s)
		}
		seen <- all
	}()
	return func() []sight {
		stop()
		return <-seen
	}
}

// takeReady takes in how many replicas took requests, and how long new ones took until they did.
func (m *reality) takeReady(seen []sight, since func(time.Time) float64) {
	known := map[string]bool{}
	var gotReady []float64
	for i, s := range seen {
		for _, name := range s.names {
			if !known[name] && i > 0 {
				gotReady = append(gotReady, since(s.at))
			}
			known[name] = true
		}
		if n := len(m.Ready); n == 0 || m.Ready[n-1].Replicas != len(s.names) {
			m.Ready = append(m.Ready, count{At: since(s.at), Replicas: len(s.names)})
		}
	}
	m.Starts = startTimes(m.Scalings, gotReady)
}
