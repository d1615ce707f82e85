package httpserve

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"
)

// Parameter is what stands in a request's path for a part of its route; "" where the route has none of that name. The router passes on what
// the caller escaped as it is: it is plain here, and what cannot be made plain is left alone.
func Parameter(r *http.Request, name string) string {
	escaped := chi.URLParam(r, name)
	if plain, err := url.PathUnescape(escaped); err == nil {
		return plain
	}
	return escaped
}
