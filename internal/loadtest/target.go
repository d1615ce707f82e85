package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"resnet-autoscaling/internal/api"
)

// The dispatcher's Service, as the API server knows it.
const (
	dispatcherService = "dispatcher"
	dispatcherPort    = "8080"
)

// reachTimeout is how long a server may take to accept a connection before the test is called off.
const reachTimeout = 3 * time.Second

// Cluster is a way to a Service by the API server's proxy.
type Cluster interface {
	ServiceProxy(service, port string) (*url.URL, *http.Client, error)
}

// Where is what is known about where to send.
type Where struct {
	Said    *url.URL // by the user; nil: nothing
	Default *url.URL // else here, if somebody listens
	Client  *http.Client
	Cluster Cluster // else by this; nil: there is none
}

// Target is where pictures go.
type Target struct {
	URL    *url.URL
	Client *http.Client
	Note   string // what the figures include besides the service; "": nothing
}

// Find decides where to send, and makes sure that somebody is there: a test against nobody is a mistake that only looks like a result.
func Find(ctx context.Context, w Where) (Target, error) {
	if w.Said != nil {
		if w.Said.Path == "" {
			w.Said = w.Said.JoinPath(api.PathPredict)
		}
		if err := listens(ctx, w.Said); err != nil {
			return Target{}, fmt.Errorf("nothing listens at %s (%w): check --url, or start the system with `make up`", w.Said, err)
		}
		return Target{URL: w.Said, Client: w.Client}, nil
	}
	if listens(ctx, w.Default) == nil {
		return Target{URL: w.Default, Client: w.Client}, nil
	}
	const start = "start the system here with `make up` (or see all of it with `make demo`), or say where it is with --url"
	if w.Cluster == nil {
		return Target{}, fmt.Errorf("nothing listens at %s, and there is no kubeconfig for a cluster to look in: %s", w.Default.Host, start)
	}
	target, err := proxied(ctx, w.Cluster)
	if err != nil {
		return Target{}, fmt.Errorf("nothing listens at %s, and the cluster has no dispatcher to send to (%w): %s", w.Default.Host, err, start)
	}
	return target, nil
}

func listens(ctx context.Context, at *url.URL) error {
	port := at.Port()
	if port == "" {
		port = at.Scheme // the dialer knows http and https by name
	}
	dialer := net.Dialer{Timeout: reachTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(at.Hostname(), port))
	if err != nil {
		return err
	}
	return conn.Close()
}

func proxied(ctx context.Context, cluster Cluster) (Target, error) {
	base, client, err := cluster.ServiceProxy(dispatcherService, dispatcherPort)
	if err != nil {
		return Target{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(api.PathHealthz).String(), nil)
	if err != nil {
		return Target{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return Target{}, err
	}
	if err := errors.Join(resp.Body.Close(), statusError(resp, base)); err != nil {
		return Target{}, err
	}
	return Target{
		URL: base.JoinPath(api.PathPredict), Client: client,
		Note: "The pictures went through the API server's service proxy at " + base.Host + ": the figures include the API server.",
	}, nil
}

func statusError(resp *http.Response, base *url.URL) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%s%s: %s", base, api.PathHealthz, resp.Status)
}
