package dispatcher

import (
	"net"
	"net/http"
)

// clientOf tells whose request it is: of the name of an API key, else of the address that it came from. Behind another proxy all
// callers without a key are that proxy: who sent a header is nobody's word but the sender's.
func clientOf(r *http.Request) string {
	if key := tripOf(r.Context()).key; key != "" {
		return "key:" + key
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
