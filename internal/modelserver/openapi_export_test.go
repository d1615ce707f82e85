package modelserver

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Routes are the routes of a service, each as its method and its path as the router knows it.
func Routes(s *Service) (routes []string, err error) {
	r := chi.NewRouter()
	s.routes(r)
	err = chi.Walk(r, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes = append(routes, method+" "+strings.TrimSuffix(path, "/"))
		return nil
	})
	return routes, err
}

// Close gives back the listener of a service that never runs.
func Close(s *Service) error { return s.server.Close() }
