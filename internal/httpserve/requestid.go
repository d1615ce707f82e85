package httpserve

import (
	"net/http"
	"strings"

	"resnet-autoscaling/internal/api"

	"github.com/go-chi/chi/v5/middleware"
)

// maxRequestID is longer than any id that is made to name requests: a UUID has 36 characters, a trace's header 55.
const maxRequestID = 128

// nameRequests gives each request an id: its caller's where that is one, else the server's own.
func nameRequests(next http.Handler) http.Handler {
	named := middleware.RequestID(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !namesARequest(r.Header.Get(api.HeaderRequestID)) {
			r.Header.Del(api.HeaderRequestID)
		}
		named.ServeHTTP(w, r)
	})
}

// namesARequest refuses what would blow up a log, or could be read there as something else.
func namesARequest(id string) bool {
	strange := func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("-_.:+/=@", c)
	}
	return len(id) <= maxRequestID && !strings.ContainsFunc(id, strange)
}

// RequestID is the id that the caller sent or that the server gave this request.
func RequestID(r *http.Request) string { return middleware.GetReqID(r.Context()) }
