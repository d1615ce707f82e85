// Package kube is the edge to the Kubernetes API: the scale of a Deployment, ready endpoints, the Lease, Events, and the API
// server's service proxy. It knows no policy.
package kube

import (
	"fmt"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is a way to one API server. It may be used from any goroutine.
type Cluster struct {
	config    *rest.Config
	namespace string
	inside    bool
}

// ConnectOptions say which cluster. The zero value is the ServiceAccount where there is one, else the current context of the
// user's kubeconfig.
type ConnectOptions struct {
	Kubeconfig string // a file; empty: $KUBECONFIG, then ~/.kube/config
	Context    string // empty: the kubeconfig's current one
	Namespace  string // empty: the context's, else the ServiceAccount's, else "default"
	UserAgent  string // the binary's name, as the API server's audit log shows it
}

// Connect finds the cluster; it asks it nothing yet.
func Connect(o ConnectOptions) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	overrides.Context.Namespace = o.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find a Kubernetes cluster: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("find the namespace: %w", err)
	}
	config.UserAgent = o.UserAgent
	_, err = rest.InClusterConfig()
	inside := err == nil && o.Kubeconfig == "" && o.Context == ""
	return &Cluster{config: config, namespace: namespace, inside: inside}, nil
}

// Namespace is the namespace that everything here is about.
func (c *Cluster) Namespace() string { return c.namespace }

// Inside tells whether this process runs in a pod of the cluster, where Services resolve by name.
func (c *Cluster) Inside() bool { return c.inside }

// ServiceProxy is the URL of a Service as the API server proxies to it, and a client that may ask it. port is the Service
// port's name or number; empty for a Service with one port.
func (c *Cluster) ServiceProxy(service, port string) (*url.URL, *http.Client, error) {
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return nil, nil, fmt.Errorf("client for %s: %w", c.config.Host, err)
	}
	base, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, nil, fmt.Errorf("address of %s: %w", c.config.Host, err)
	}
	name := service
	if port != "" {
		name += ":" + port
	}
	return base.JoinPath("/api/v1/namespaces", c.namespace, "services", name, "proxy/"), client, nil
}
