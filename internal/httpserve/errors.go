package httpserve

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strings"

	"resnet-autoscaling/internal/api"

	"github.com/go-chi/chi/v5"
)

// WriteError answers with err where it is an *api.Problem, in the shape that callers of the path expect. Anything else is our own fault:
// a 500 that tells the caller nothing but the request id, under which the log has the cause.
func WriteError(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	id := RequestID(r)
	var problem *api.Problem
	if !errors.As(err, &problem) {
		log.Error("request failed", "request", id, "path", r.URL.Path, "error", err)
		problem = api.NewProblem(http.StatusInternalServerError, "internal-error",
			"the server failed on this request; it is in its log as request %s", id)
	}
	write(w, r, problem)
}

// write is for both of the shapes that errors have.
func write(w http.ResponseWriter, r *http.Request, p *api.Problem) {
	// As the router has it: cleaned.
	if at := path.Clean(r.URL.Path); at == api.PathV2 || strings.HasPrefix(at, api.PathV2+"/") {
		p.WriteV2(w)
		return
	}
	p.Write(w, RequestID(r))
}

// WriteJSON answers with a value as JSON.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status is out: a caller that does not take the body has nothing left to be told.
	_ = json.NewEncoder(w).Encode(value)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	write(w, r, api.NewProblem(http.StatusNotFound, "not-found", "there is nothing at %s; pictures go to POST %s", r.URL.Path, api.PathPredict))
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// MethodNotAllowed says which methods the path does take: chi fills Allow only in its own, plain answer. It is there already, but for
// routers that a service mounts.
func MethodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range methods {
			if routes.Match(chi.NewRouteContext(), m, chi.RouteContext(r.Context()).RoutePath) {
				allow = append(allow, m)
			}
		}
		p := api.NewProblem(http.StatusMethodNotAllowed, "method-not-allowed", "%s takes %s, not %s",
			r.URL.Path, strings.Join(allow, ", "), r.Method)
		p.Allow = allow
		write(w, r, p)
	}
}
