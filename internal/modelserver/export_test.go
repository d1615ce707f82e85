package modelserver

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Routes are the routes of a service, each as its method and its path as the router knows it.
func Routes(s *Service) (routes []string, err error) {
	err = chi.Walk(router(s), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes = append(routes, method+" "+strings.TrimSuffix(path, "/"))
		return nil
	})
	return routes, err
}

// Handler answers for a service that does not run, and Measure is what such a one knows its capacity by, until ctx ends.
func Handler(s *Service) http.Handler               { return router(s) }
func Measure(ctx context.Context, s *Service) error { return s.measureCapacity(ctx) }

func router(s *Service) chi.Router {
	r := chi.NewRouter()
	s.routes(r)
	return r
}

// Close gives back the listener of a service that never runs.
func Close(s *Service) error { return s.server.Close() }
