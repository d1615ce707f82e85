package kubelite

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// handler answers everything; whatever fails becomes a Status.
func (s *Server) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.route(w, r); err != nil {
			answer := statusOf(err)
			if answer.Code == http.StatusInternalServerError {
				s.o.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
			}
			_ = write(w, int(answer.Code), answer) // a Status is always JSON
		}
	})
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) error {
	switch r.URL.Path {
	case "/healthz", "/livez", "/readyz":
		fmt.Fprint(w, "ok")
		return nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(s.Token())) != 1 {
		return apierrors.NewUnauthorized("Unauthorized")
	}
	if answer := discover(r.URL.Path); answer != nil {
		return write(w, http.StatusOK, answer)
	}
	group, version, segments, ok := splitPath(r.URL.EscapedPath())
	if !ok || len(segments) == 0 {
		return notServed()
	}
	t, ok := findTarget(group, version, segments)
	if !ok {
		return notServed()
	}
	return s.serveTarget(w, r, t)
}

func notServed() error {
	return status(http.StatusNotFound, metav1.StatusReasonNotFound, "the server could not find the requested resource")
}

func (s *Server) serveTarget(w http.ResponseWriter, r *http.Request, t target) error {
	switch {
	case t.sub == "proxy" && t.kind == services:
		return s.proxyService(w, r, t)
	case t.sub == "log" && t.kind == pods && r.Method == http.MethodGet:
		return s.proxyLog(w, r, t)
	case t.sub == "scale" && t.kind == deployments:
		return s.serveScale(w, r, t)
	case t.sub == "status" && t.kind.Status || t.sub == "" && t.name != "":
		return s.serveObject(w, r, t)
	case t.sub == "":
		return s.serveCollection(w, r, t)
	}
	return notServed()
}

func (s *Server) serveCollection(w http.ResponseWriter, r *http.Request, t target) error {
	switch watching := r.URL.Query().Get("watch"); {
	case r.Method == http.MethodGet && (watching == "true" || watching == "1"):
		return s.watch(w, r, t)
	case r.Method == http.MethodGet:
		return s.list(w, r, t)
	case r.Method == http.MethodPost && (t.namespace != "" || !t.kind.Namespaced):
		return s.create(w, r, t)
	}
	return apierrors.NewMethodNotSupported(t.kind.GroupResource(), strings.ToLower(r.Method))
}

func (s *Server) serveObject(w http.ResponseWriter, r *http.Request, t target) error {
	switch {
	case r.Method == http.MethodGet:
		return s.get(w, r, t)
	case r.Method == http.MethodPut:
		return s.replace(w, r, t)
	case r.Method == http.MethodPatch:
		return s.patch(w, r, t)
	case r.Method == http.MethodDelete && t.sub == "" && t.kind != namespaces:
		return s.delete(w, r, t)
	}
	return apierrors.NewMethodNotSupported(t.kind.GroupResource(), strings.ToLower(r.Method))
}
