package httpserve

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"resnet-autoscaling/internal/api"

	"github.com/go-chi/chi/v5"
)

// WriteError answers with err where it is an *api.Problem. Anything else is our own fault: a 500 that tells the caller
// nothing but the request id, under which the log has the cause.
func WriteError(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	id := RequestID(r)
	var problem *api.Problem
	if !errors.As(err, &problem) {
		log.Error("request failed", "request", id, "path", r.URL.Path, "error", err)
		problem = api.NewProblem(http.StatusInternalServerError, "internal-error",
			"the server failed on this request; it is in its log as request %s", id)
	}
	problem.Write(w, id)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	api.NewProblem(http.StatusNotFound, "not-found", "there is nothing at %s; pictures go to POST %s",
		r.URL.Path, api.PathPredict).Write(w, RequestID(r))
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// methodNotAllowed says which methods the path does take: chi fills Allow only in its own, plain answer.
func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range methods {
			if routes.Match(chi.NewRouteContext(), m, r.URL.Path) {
				allow = append(allow, m)
			}
		}
		p := api.NewProblem(http.StatusMethodNotAllowed, "method-not-allowed", "%s takes %s, not %s",
			r.URL.Path, strings.Join(allow, ", "), r.Method)
		p.Allow = allow
		p.Write(w, RequestID(r))
	}
}
