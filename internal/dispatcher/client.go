package dispatcher

import (
	"net"
	"net/http"
)

// clientOf names who a request is from, for fairness among clients: the address without its port.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
