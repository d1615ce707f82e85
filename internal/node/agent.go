package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/lifecycle"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

// Agent is one node.
type Agent struct {
	o         Options
	own       netip.Addr
	core      corev1client.CoreV1Interface
	leases    coordinationv1client.LeasesGetter
	events    record.EventRecorder
	authority authority
	addresses *addresses
	server    *httpserve.Server

	mu      sync.Mutex
	workers map[types.UID]*worker
	running sync.WaitGroup // one for each worker
}

// New checks the options and binds the node's port; nothing runs yet.
func New(o Options) (*Agent, error) {
	own, err := o.check()
	if err != nil {
		return nil, err
	}
	core, err := corev1client.NewForConfig(o.Config)
	if err != nil {
		return nil, fmt.Errorf("node %s: client of the API server: %w", o.Name, err)
	}
	leases, err := coordinationv1client.NewForConfig(o.Config)
	if err != nil {
		return nil, fmt.Errorf("node %s: client of the API server: %w", o.Name, err)
	}
	a := &Agent{o: o, own: own, core: core, leases: leases, addresses: newAddresses(o.Pods, own), workers: map[types.UID]*worker{}}
	if a.authority, err = o.authority(); err != nil {
		return nil, fmt.Errorf("node %s: client of the API server: %w", o.Name, err)
	}
	if a.server, err = a.newServer(); err != nil {
		return nil, fmt.Errorf("node %s: %w", o.Name, err)
	}
	return a, nil
}

// Addr is the bound address of the node's port.
func (a *Agent) Addr() net.Addr { return a.server.Addr() }

// Run registers the node and runs the pods bound to it until ctx ends. Then all containers are asked to end, and killed when their time
// is up; pods that were not being deleted are left as failed.
func (a *Agent) Run(ctx context.Context) error {
	logging := klog.NewContext(ctx, logr.FromSlogHandler(a.o.Log.Handler()))
	broadcaster := record.NewBroadcaster(record.WithContext(context.WithoutCancel(logging)))
	defer broadcaster.Shutdown()
	a.events = broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: a.o.Name})
	broadcaster.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: a.core.Events("")})
	return lifecycle.Run(
		logging,
		lifecycle.Part{Name: "node's port", Run: a.server.Run},
		lifecycle.Part{Name: "heartbeat", Run: a.heartbeat},
		lifecycle.Part{Name: "pods", Run: a.runPods},
	)
}

// apiServer is how pods reach the API server: by the Service that it makes for itself, where it does.
func (a *Agent) apiServer(ctx context.Context) (netip.AddrPort, error) {
	s, err := a.core.Services(metav1.NamespaceDefault).Get(ctx, "kubernetes", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return netip.AddrPort{}, nil
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("service kubernetes: %w", err)
	}
	address, err := netip.ParseAddr(s.Spec.ClusterIP)
	if err != nil || len(s.Spec.Ports) == 0 {
		return netip.AddrPort{}, fmt.Errorf("service kubernetes: no address and port in %q %v", s.Spec.ClusterIP, s.Spec.Ports)
	}
	return netip.AddrPortFrom(address, uint16(s.Spec.Ports[0].Port)), nil
}

// place is where a pod with an address runs.
func (a *Agent) place(podIP string) place {
	return place{podIP: podIP, hostIP: a.own.String(), node: a.o.Name, capacity: a.capacity()}
}
