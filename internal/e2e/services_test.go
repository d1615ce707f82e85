package e2e_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// serviceProxy stands for kube-proxy and the cluster's DNS: it listens at each Service's address, passes connections on to a ready
// endpoint, and keeps a file of hosts with the Services' names.
type serviceProxy struct {
	client    kubernetes.Interface
	hosts     string
	endpoints discoverylisters.EndpointSliceLister

	mu       sync.Mutex
	services map[types.UID]*corev1.Service
	open     []net.Listener
}

// run works until ctx ends. What it knew last it goes by while the API server is away, as kube-proxy does.
func (p *serviceProxy) run(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(p.client, 0)
	slices := factory.Discovery().V1().EndpointSlices()
	p.endpoints, p.services = slices.Lister(), map[types.UID]*corev1.Service{}
	failed := make(chan error, 1)
	_, err := factory.Core().V1().Services().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(o any) {
		if err := p.serve(o.(*corev1.Service)); err != nil {
			select {
			case failed <- err:
			default:
			}
		}
	}})
	if err != nil {
		return err
	}
	slices.Informer() // makes the factory start it
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.open {
		l.Close()
	}
	return err
}

func (p *serviceProxy) serve(s *corev1.Service) error {
	if s.Spec.ClusterIP == corev1.ClusterIPNone {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.services[s.UID] = s
	if err := p.writeHosts(); err != nil {
		return err
	}
	for _, port := range s.Spec.Ports {
		l, err := net.Listen("tcp", net.JoinHostPort(s.Spec.ClusterIP, fmt.Sprint(port.Port)))
		if err != nil {
			return fmt.Errorf("service %s: %w", s.Name, err)
		}
		p.open = append(p.open, l)
		go p.accept(l, s, port.Name)
	}
	return nil
}

// writeHosts writes the file in place: containers have it mounted.
func (p *serviceProxy) writeHosts() error {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for _, s := range p.services {
		fmt.Fprintf(&b, "%s %s.%s.svc", s.Spec.ClusterIP, s.Name, s.Namespace)
		if s.Namespace == namespace { // the one that pods search
			fmt.Fprintf(&b, " %s", s.Name)
		}
		b.WriteString("\n")
	}
	return os.WriteFile(p.hosts, []byte(b.String()), 0o644)
}

func (p *serviceProxy) accept(l net.Listener, s *corev1.Service, port string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // closed
		}
		go p.pass(client, s, port)
	}
}

func (p *serviceProxy) pass(client net.Conn, s *corev1.Service, port string) {
	defer client.Close()
	// A connection that an endpoint refuses goes to another one, as those of a pod that just ended do once iptables has followed.
	for range 3 {
		address, ok := p.endpoint(s, port)
		if !ok {
			return
		}
		server, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			continue
		}
		splice(client, server)
		return
	}
}

func splice(a, b net.Conn) {
	defer b.Close()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // either side may go away at any time
			_ = way[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

// endpoint is one of those that are ready, by chance.
func (p *serviceProxy) endpoint(s *corev1.Service, port string) (string, bool) {
	of := labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: s.Name})
	list, err := p.endpoints.EndpointSlices(s.Namespace).List(of)
	if err != nil {
		return "", false
	}
	var ready []string
	for _, slice := range list {
		for _, e := range slice.Endpoints {
			for _, own := range slice.Ports {
				if (e.Conditions.Ready == nil || *e.Conditions.Ready) && own.Port != nil && own.Name != nil && *own.Name == port {
					ready = append(ready, net.JoinHostPort(e.Addresses[0], fmt.Sprint(*own.Port)))
				}
			}
		}
	}
	if len(ready) == 0 {
		return "", false
	}
	return ready[rand.IntN(len(ready))], true
}

// serviceAddress waits for nothing: the Service must be there.
func serviceAddress(ctx context.Context, client kubernetes.Interface, name string) (string, error) {
	s, err := client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(s.Spec.ClusterIP, fmt.Sprint(s.Spec.Ports[0].Port)), nil
}
