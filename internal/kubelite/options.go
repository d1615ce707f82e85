// Package kubelite serves, on one machine and in one process, the part of the Kubernetes API that this system and a curious
// kubectl use, and runs the few controllers that give it life: Deployments become pods, pods get a node, Services get
// EndpointSlices. It speaks https with a CA made at each start, and asks for a bearer token. Nothing is kept on disk.
//
// It is not a small Kubernetes: there are no users, no admission, no garbage but what owners leave behind, no ReplicaSets
// (Deployments own their pods), and no server-side apply. What is not served is refused in words.
package kubelite

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Options are the settings of a Server. All are required.
type Options struct {
	// Listen is the loopback address to bind, such as "127.0.0.1:8001"; port 0 takes a free one.
	Listen string
	Log    *slog.Logger
	// Now is the clock of timestamps and deadlines.
	Now func() time.Time
}

func (o Options) check() error {
	if o.Log == nil || o.Now == nil {
		return errors.New("the Kubernetes API needs a logger and a clock")
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("listen on %q: give host:port, such as 127.0.0.1:8001: %w", o.Listen, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("listen on %q: this API is for one machine and binds only its loopback, such as 127.0.0.1:8001", o.Listen)
	}
	return nil
}

// host is the address without its port; check has seen that it has one.
func (o Options) host() string {
	host, _, _ := net.SplitHostPort(o.Listen)
	return host
}
