package kubelite

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"resnet-autoscaling/internal/kubelite/kinds"
	"resnet-autoscaling/internal/lifecycle"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	headerTimeout   = 5 * time.Second
	idleTimeout     = 120 * time.Second
	shutdownTimeout = 5 * time.Second
)

// The kinds that the controllers and the proxies know by name.
var (
	pods        = kinds.Find("", "v1", "pods")
	nodes       = kinds.Find("", "v1", "nodes")
	services    = kinds.Find("", "v1", "services")
	namespaces  = kinds.Find("", "v1", "namespaces")
	events      = kinds.Find("", "v1", "events")
	deployments = kinds.Find("apps", "v1", "deployments")
	slicesKind  = kinds.Find("discovery.k8s.io", "v1", "endpointslices")
)

// Server is one API server, bound to its address. Its methods may be called from any goroutine.
type Server struct {
	o        Options
	listener net.Listener
	identity *identity
	serving  tls.Certificate
	api      *api
	toPods   *http.Transport // to the endpoints of Services, whoever they are
	toNodes  *http.Transport // to the nodes' agents, whose certificates our CA signed
}

// New makes the CA, the certificate and the token, and binds the address. It starts nothing.
func New(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	id, err := newIdentity(o.Now())
	if err != nil {
		return nil, err
	}
	serving, err := id.issue(o.Now(), o.host(), "127.0.0.1", "::1", "localhost")
	if err != nil {
		return nil, err
	}
	a, err := newAPI(o.Now)
	if err != nil {
		return nil, fmt.Errorf("make the first namespaces: %w", err)
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", o.Listen, err)
	}
	return &Server{
		o: o, listener: l, identity: id, serving: serving, api: a,
		toPods:  &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, IdleConnTimeout: idleTimeout},
		toNodes: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: id.roots()}, IdleConnTimeout: idleTimeout},
	}, nil
}

// Addr is the bound address.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Token is the bearer token that the server asks for.
func (s *Server) Token() string { return s.identity.token }

// CA is the certificate authority, as PEM.
func (s *Server) CA() []byte { return s.identity.pem() }

// Certificate is a server certificate for the host names and addresses, signed by the CA.
func (s *Server) Certificate(hosts ...string) (tls.Certificate, error) {
	return s.identity.issue(s.o.Now(), hosts...)
}

// Config is a client of this server, for other parts of this process.
func (s *Server) Config() *rest.Config {
	return &rest.Config{
		Host: "https://" + s.Addr().String(), BearerToken: s.Token(), TLSClientConfig: rest.TLSClientConfig{CAData: s.CA()},
		QPS: -1, // one machine needs no throttle
	}
}

// Kubeconfig is the file that lets kubectl, and any other client, in.
func (s *Server) Kubeconfig() ([]byte, error) {
	const name = "local"
	c := clientcmdapi.NewConfig()
	c.Clusters[name] = &clientcmdapi.Cluster{Server: s.Config().Host, CertificateAuthorityData: s.CA()}
	c.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: s.Token()}
	c.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: metav1.NamespaceDefault}
	c.CurrentContext = name
	text, err := clientcmd.Write(*c)
	if err != nil {
		return nil, fmt.Errorf("write a kubeconfig: %w", err)
	}
	return text, nil
}

// Run serves the API and runs the controllers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.toPods.CloseIdleConnections()
	defer s.toNodes.CloseIdleConnections()
	return lifecycle.Run(ctx,
		lifecycle.Part{Name: "controllers", Run: s.control},
		lifecycle.Part{Name: "Kubernetes API", Run: s.serve})
}

// serve answers until ctx ends. Watches end with it; other requests have a moment to finish.
func (s *Server) serve(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.handler(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{s.serving}},
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(s.listener, "", "") }()
	s.o.Log.Info("serving the Kubernetes API", "address", s.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	// Not derived from ctx, which has ended.
	moment, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(moment); err != nil {
		return server.Close()
	}
	return nil
}
