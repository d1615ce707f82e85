// Package kube is the edge to the Kubernetes API: the scale of a Deployment, ready endpoints, the Lease, Events, and the API
// server's service proxy. It knows no policy.
//
// Connect finds the way that kubectl would, or a pod's own; a Cluster then hands out a Deployment to scale, Endpoints to follow, and a
// Lease to lead by. What is refused is told with the right that is missing. Watches are taken up again where they broke off.
package kube

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"resnet-autoscaling/internal/command"

	"k8s.io/apimachinery/pkg/util/validation"
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

// Connect finds the cluster; it asks it nothing yet. An option that cannot be right is a *command.Misuse.
func Connect(o ConnectOptions) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	overrides.Context.Namespace = o.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	if err := o.check(loader); err != nil {
		return nil, err
	}
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

// check finds out which option is to blame, where clientcmd's errors do not tell.
func (o ConnectOptions) check(loader clientcmd.ClientConfig) error {
	if o.Namespace != "" && len(validation.IsDNS1123Label(o.Namespace)) > 0 {
		return &command.Misuse{Flag: "--namespace", Value: o.Namespace, Rule: "must be the name of a namespace: at most 63 of a-z, 0-9 and -"}
	}
	config, err := loader.RawConfig()
	if err != nil && o.Kubeconfig != "" {
		return &command.Misuse{Flag: "--kubeconfig", Value: o.Kubeconfig, Rule: fmt.Sprintf("must be a kubeconfig file: %v", err)}
	}
	if err != nil {
		return fmt.Errorf("find a Kubernetes cluster: %w", err)
	}
	if _, known := config.Contexts[o.Context]; o.Context != "" && !known {
		rule := fmt.Sprintf("must be one of the kubeconfig's contexts: %q", slices.Sorted(maps.Keys(config.Contexts)))
		return &command.Misuse{Flag: "--context", Value: o.Context, Rule: rule}
	}
	return nil
}

// Namespace is the namespace that everything here is about.
func (c *Cluster) Namespace() string { return c.namespace }

// Inside tells whether this process runs in a pod of the cluster, where Services resolve by name.
func (c *Cluster) Inside() bool { return c.inside }

// The Service of the cluster's Prometheus.
const (
	prometheusService = "prometheus-service"
	prometheusPort    = "9090"
)

// Prometheus is where the cluster's Prometheus is, and a client that may ask it: by its Service's name inside of the cluster, else through
// the API server.
func (c *Cluster) Prometheus() (*url.URL, *http.Client, error) {
	if c.inside {
		return &url.URL{Scheme: "http", Host: prometheusService + ":" + prometheusPort}, &http.Client{}, nil
	}
	return c.ServiceProxy(prometheusService, prometheusPort)
}

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
