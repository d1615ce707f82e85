package kubelite

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/kubelite/store"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// proxyService passes a request on to a ready endpoint of the Service [SCHEME:]NAME[:PORT].
func (s *Server) proxyService(w http.ResponseWriter, r *http.Request, t target) error {
	scheme, name, port := splitServiceName(t.name)
	o, err := s.api.get(services, store.Key{Namespace: t.namespace, Name: name})
	if err != nil {
		return err
	}
	portName, err := servicePort(o.(*corev1.Service), port)
	if err != nil {
		return err
	}
	address, err := s.endpoint(o.(*corev1.Service), portName)
	if err != nil {
		return err
	}
	to, err := url.Parse(scheme + "://" + address + "/" + t.rest)
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("path %q: %v", t.rest, err))
	}
	to.RawQuery = r.URL.RawQuery
	s.forward(w, r, to, s.toPods, "")
	return nil
}

func splitServiceName(id string) (scheme, name, port string) {
	parts := strings.SplitN(id, ":", 3)
	switch len(parts) {
	case 1:
		return "http", id, ""
	case 2:
		return "http", parts[0], parts[1]
	}
	if parts[0] == "" {
		parts[0] = "http"
	}
	return parts[0], parts[1], parts[2]
}

// servicePort is the name of the port that is asked for by name, by number, or by leaving it out where there is one.
func servicePort(s *corev1.Service, asked string) (string, error) {
	for _, p := range s.Spec.Ports {
		if asked == p.Name || asked == strconv.Itoa(int(p.Port)) || asked == "" && len(s.Spec.Ports) == 1 {
			return p.Name, nil
		}
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no service port %q found for service %q", asked, s.Name))
}

// endpoint is the address of one of a Service's ready endpoints, by chance.
func (s *Server) endpoint(service *corev1.Service, port string) (string, error) {
	var ready []string
	for _, slice := range all[*discoveryv1.EndpointSlice](s.api, slicesKind) {
		if slice.Namespace != service.Namespace || slice.Labels[discoveryv1.LabelServiceName] != service.Name {
			continue
		}
		at := slices.IndexFunc(slice.Ports, func(p discoveryv1.EndpointPort) bool { return *p.Name == port && p.Port != nil })
		for _, e := range slice.Endpoints {
			if at >= 0 && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				ready = append(ready, net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(*slice.Ports[at].Port))))
			}
		}
	}
	if len(ready) == 0 {
		return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", service.Name))
	}
	return ready[rand.IntN(len(ready))], nil
}

// proxyLog passes a request for a pod's log on to the agent of its node, which asks for the same token.
func (s *Server) proxyLog(w http.ResponseWriter, r *http.Request, t target) error {
	o, err := s.api.get(pods, t.key())
	if err != nil {
		return err
	}
	pod := o.(*corev1.Pod)
	container, err := chooseContainer(pod, r.URL.Query().Get("container"))
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		return nil // nothing has run yet: an empty log
	}
	node, err := s.api.get(nodes, store.Key{Name: pod.Spec.NodeName})
	if err != nil {
		return err
	}
	address, err := agentAddress(node.(*corev1.Node))
	if err != nil {
		return err
	}
	q := r.URL.Query()
	q.Del("container")
	to := &url.URL{Scheme: "https", Host: address, Path: "/", RawQuery: q.Encode()}
	s.forward(w, r, to.JoinPath("containerLogs", pod.Namespace, pod.Name, container), s.toNodes, s.Token())
	return nil
}

func chooseContainer(p *corev1.Pod, asked string) (string, error) {
	var names []string
	for _, c := range p.Spec.Containers {
		names = append(names, c.Name)
	}
	switch {
	case slices.Contains(names, asked):
		return asked, nil
	case asked != "":
		return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", asked, p.Name))
	case len(names) > 1:
		return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s, choose one of: %v", p.Name, names))
	}
	return names[0], nil
}

func agentAddress(n *corev1.Node) (string, error) {
	port := n.Status.DaemonEndpoints.KubeletEndpoint.Port
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP && port > 0 {
			return net.JoinHostPort(a.Address, strconv.Itoa(int(port))), nil
		}
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("node %q says neither address nor port of its agent", n.Name))
}

// forward is the proxy itself. Our token goes no further than to our own agents.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, to *url.URL, by http.RoundTripper, token string) {
	proxy := &httputil.ReverseProxy{
		Transport:     by,
		FlushInterval: -1, // logs and events are read as they come
		ErrorLog:      slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, p.Out.Host = to, to.Host
			p.Out.Header.Del("Authorization")
			if token != "" {
				p.Out.Header.Set("Authorization", "Bearer "+token)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			answer := statusOf(apierrors.NewServiceUnavailable(fmt.Sprintf("error trying to reach %s: %v", to.Host, err)))
			_ = write(w, int(answer.Code), answer) // a Status is always JSON
		},
	}
	proxy.ServeHTTP(w, r)
}
