package loadtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
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
	Status *url.URL // of the dispatcher behind it
	Client *http.Client
	Note   string // what the figures include besides the service; "": nothing
}

// Find decides where to send, and makes sure that somebody is there: a test against nobody is a mistake that only looks like a result.
// path is where such requests go where nobody said otherwise; "": /predict.
func Find(ctx context.Context, w Where, path string) (Target, error) {
	if path == "" {
		path = api.PathPredict
	}
	if w.Said != nil {
		at := rooted(w.Said)
		if at.Path == "/" || at.Path == api.PathPredict && path != api.PathPredict {
			at = at.ResolveReference(&url.URL{Path: path})
		}
		if err := listens(ctx, at, w.Client); err != nil {
			return Target{}, fmt.Errorf("%w: check --url, or start the system with `make up`", err)
		}
		return Target{URL: at, Status: statusOf(at), Client: w.Client}, nil
	}
	if listens(ctx, w.Default, w.Client) == nil {
		at := w.Default.ResolveReference(&url.URL{Path: path})
		return Target{URL: at, Status: statusOf(at), Client: w.Client}, nil
	}
	const start = "start the system here with `make up` (or see all of it with `make demo`), or say where it is with --url"
	if w.Cluster == nil {
		return Target{}, fmt.Errorf("nothing listens at %s, and there is no kubeconfig for a cluster to look in: %s", w.Default.Host, start)
	}
	target, err := proxied(ctx, w.Cluster, path)
	if err != nil {
		return Target{}, fmt.Errorf("nothing listens at %s, and the cluster has no dispatcher to send to (%w): %s", w.Default.Host, err, start)
	}
	return target, nil
}

// rooted is a URL whose path begins as it does on the wire.
func rooted(u *url.URL) *url.URL {
	at := *u
	if !strings.HasPrefix(at.Path, "/") {
		at.Path = "/" + at.Path
	}
	return &at
}

// statusOf is the dispatcher's /status beside a path of its own: /predict or /v2/….
func statusOf(at *url.URL) *url.URL {
	prefix := strings.TrimSuffix(at.Path, api.PathPredict)
	if before, _, v2 := strings.Cut(at.Path, "/v2/"); v2 {
		prefix = before
	}
	status := *at
	status.Path, status.RawPath, status.RawQuery = strings.TrimSuffix(prefix, "/")+api.PathStatus, "", ""
	return &status
}

// listens says in a sentence why no request could reach a URL.
func listens(ctx context.Context, at *url.URL, client *http.Client) error {
	port := at.Port()
	if port == "" {
		port = at.Scheme // the dialer knows http and https by name
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(at.Hostname(), port))
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("the host of %s is not known (%w)", at.Redacted(), err)
	case err != nil:
		return fmt.Errorf("nothing listens at %s (%w)", at.Redacted(), err)
	}
	defer conn.Close()
	if at.Scheme != "https" {
		return nil
	}
	secure := tls.Client(conn, tlsConfig(client, at.Hostname()))
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("no secure connection to %s (%w); a certificate of your own is trusted with --ca FILE", at.Redacted(), err)
	}
	return secure.Close()
}

// tlsConfig is what a client would trust.
func tlsConfig(client *http.Client, host string) *tls.Config {
	config := &tls.Config{}
	if transport, ok := client.Transport.(*http.Transport); ok && transport.TLSClientConfig != nil {
		config = transport.TLSClientConfig.Clone()
	}
	config.ServerName = host
	return config
}

func proxied(ctx context.Context, cluster Cluster, path string) (Target, error) {
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
		URL: rooted(base.JoinPath(path)), Status: base.JoinPath(api.PathStatus), Client: client,
		Note: "The pictures went through the API server's service proxy at " + base.Host + ": the figures include the API server.",
	}, nil
}

func statusError(resp *http.Response, base *url.URL) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%s: %s", base.JoinPath(api.PathHealthz), resp.Status)
}
