package httpserve

import (
	"net"
	"time"
)

// Reserve is what a server makes of its listener, with another time to rest.
func Reserve(l net.Listener, rest time.Duration) net.Listener { return reserveListener{l, rest} }
