package kube

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/command"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/gentype"
)

// endpointPort is the name that the pods' port has in their Service.
const endpointPort = "http"

// Endpoints finds the pods behind a Service by watching its EndpointSlices.
type Endpoints struct {
	slices             *sliceClient
	events             *events
	namespace, service string
	uid                atomic.Pointer[types.UID] // the Service's, as its EndpointSlices tell; nil: not known
	log                *slog.Logger
}

// Endpoints are those of the Service of this name in the cluster's namespace. It asks nothing yet. A
// name that cannot be one is a *command.Misuse.
func (c *Cluster) Endpoints(service string, log *slog.Logger) (*Endpoints, error) {
	if len(validation.IsDNS1035Label(service)) > 0 {
		return nil, &command.Misuse{Flag: "--service", Value: service, Rule: "must be the name of a Service: at most 63 of a-z, 0-9 and -"}
	}
	client, err := c.group(discoveryv1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	core, err := c.group(corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	return &Endpoints{
		slices: gentype.NewClientWithList("endpointslices", client, parameterCodec, c.namespace, newOf[discoveryv1.EndpointSlice], newOf[discoveryv1.EndpointSliceList]),
		events: eventsOf(core, c.namespace), namespace: c.namespace, service: service, log: log,
	}, nil
}

// Warn writes a Kubernetes Event about the Service.
func (e *Endpoints) Warn(ctx context.Context, reason, message string) error {
	about := corev1.ObjectReference{APIVersion: "v1", Kind: "Service", Name: e.service, Namespace: e.namespace}
	if uid := e.uid.Load(); uid != nil {
		about.UID = *uid
	}
	_, err := e.events.Create(ctx, newEvent("dispatcher", about, corev1.EventTypeWarning, reason, message, time.Now()), metav1.CreateOptions{})
	return failed("write an event about service "+e.namespace+"/"+e.service, e.namespace, "create", "events", err)
}

// Watch calls changed with all of the Service's endpoints, at first, also when there are none, and after each change, until ctx ends. While
// the API server cannot be asked the last known ones stand: it says so in the log, once, and says when it is back.
func (e *Endpoints) Watch(ctx context.Context, changed func([]balance.Endpoint)) error {
	l := &link[*discoveryv1.EndpointSlice, *discoveryv1.EndpointSliceList]{
		from: e.slices, labels: labels.Set{discoveryv1.LabelServiceName: e.service}.String(),
		into: &sliceTeller{Endpoints: e, slices: map[string]*discoveryv1.EndpointSlice{}, changed: changed},
		log:  e.log.With("namespace", e.namespace, "service", e.service),
		lost: "the replicas cannot be watched; the last known ones stand", back: "the replicas are watched again",
		resource: "endpointslices.discovery.k8s.io", namespace: e.namespace,
	}
	l.follow(ctx)
	return nil
}

// sliceTeller keeps the slices by name, and tells all endpoints anew after each change.
type sliceTeller struct {
	*Endpoints
	slices   map[string]*discoveryv1.EndpointSlice
	changed  func([]balance.Endpoint)
	portless bool // it has been said that some have not the port
}

func (s *sliceTeller) put(slice *discoveryv1.EndpointSlice) {
	s.slices[slice.Name] = slice
	s.tell()
}

func (s *sliceTeller) drop(slice *discoveryv1.EndpointSlice) {
	delete(s.slices, slice.Name)
	s.tell()
}

func (s *sliceTeller) replace(all []*discoveryv1.EndpointSlice) {
	clear(s.slices)
	for _, slice := range all {
		s.slices[slice.Name] = slice
	}
	s.tell()
}

func (s *sliceTeller) tell() {
	list := slices.Collect(maps.Values(s.slices))
	portless := slices.ContainsFunc(list, func(l *discoveryv1.EndpointSlice) bool {
		_, ok := portOf(l)
		return !ok && len(l.Endpoints) > 0
	})
	if portless && !s.portless {
		s.log.Warn("the service has endpoints without the port that replicas are reached at; they are left out",
			"namespace", s.namespace, "service", s.service, "port", endpointPort)
	}
	s.portless = portless
	for _, l := range list {
		if owner := metav1.GetControllerOf(l); owner != nil && owner.Kind == "Service" {
			s.uid.Store(&owner.UID)
		}
	}
	s.changed(endpointsOf(list))
}

// endpointsOf merges slices into one list, by name. A pod may be in several: while the control plane moves it from one to another, and
// with an address of each IP family. Of those the one that serves counts, then one that shuts down, then the IPv4 one.
func endpointsOf(list []*discoveryv1.EndpointSlice) []balance.Endpoint {
	slices.SortFunc(list, func(a, b *discoveryv1.EndpointSlice) int {
		return cmp.Or(cmp.Compare(a.AddressType, b.AddressType), cmp.Compare(a.Name, b.Name)) // "IPv4" sorts before "IPv6"
	})
	byName := map[string]balance.Endpoint{}
	for _, slice := range list {
		port, ok := portOf(slice)
		if !ok {
			continue
		}
		for i := range slice.Endpoints {
			e, ok := endpointOf(&slice.Endpoints[i], port)
			if other, twice := byName[e.Name]; ok && (!twice || use(e) > use(other)) {
				byName[e.Name] = e
			}
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b balance.Endpoint) int { return cmp.Compare(a.Name, b.Name) })
}

// use orders what slices tell of one pod: that it serves, that it shuts down, that it is not ready.
func use(e balance.Endpoint) int {
	switch {
	case e.Serving:
		return 2
	case !e.Unready:
		return 1
	}
	return 0
}

func portOf(slice *discoveryv1.EndpointSlice) (port int32, ok bool) {
	for _, p := range slice.Ports {
		if p.Name != nil && *p.Name == endpointPort && p.Port != nil {
			return *p.Port, true
		}
	}
	return 0, false
}

// endpointOf is ok for all but a pod that shuts down and serves no more. Conditions that are absent read as the API has them: ready, and
// not terminating.
func endpointOf(e *discoveryv1.Endpoint, port int32) (_ balance.Endpoint, ok bool) {
	is := func(condition *bool, absent bool) bool {
		if condition == nil {
			return absent
		}
		return *condition
	}
	ready := is(e.Conditions.Ready, true)
	serving, terminating := is(e.Conditions.Serving, ready), is(e.Conditions.Terminating, false)
	if len(e.Addresses) == 0 || terminating && !serving && !ready {
		return balance.Endpoint{}, false
	}
	host := net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(port))) // further addresses are of the same pod
	name := host
	if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
		name = e.TargetRef.Name
	}
	return balance.Endpoint{Name: name, URL: "http://" + host, Serving: ready && !terminating, Unready: !ready && !terminating}, true
}
