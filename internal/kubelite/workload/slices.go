package workload

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
)

const (
	// SliceManager is who writes the EndpointSlices of Services that select pods; all others are left alone.
	SliceManager = "endpointslice-controller.k8s.io"
	maxEndpoints = 1000 // in one slice; the API's own limit
)

// Slices are the EndpointSlices of a Service: its pods, grouped by the numbers that the Service's ports have on them. A Service
// without a selector has none here, somebody else writes them.
func Slices(s *corev1.Service, pods []*corev1.Pod) []*discoveryv1.EndpointSlice {
	if len(s.Spec.Selector) == 0 {
		return nil
	}
	selector := labels.SelectorFromSet(s.Spec.Selector)
	groups := map[string]*discoveryv1.EndpointSlice{}
	names := []string{}
	for _, p := range pods {
		if p.Namespace != s.Namespace || p.Status.PodIP == "" || ended(p) || !selector.Matches(labels.Set(p.Labels)) {
			continue
		}
		slice := newSlice(s, ports(s, p))
		for part := 1; groups[slice.Name] != nil && len(groups[slice.Name].Endpoints) == maxEndpoints; part++ {
			slice = newSlice(s, ports(s, p))
			slice.Name = fmt.Sprintf("%s-%d", slice.Name, part)
		}
		if groups[slice.Name] == nil {
			groups[slice.Name] = slice
			names = append(names, slice.Name)
		}
		groups[slice.Name].Endpoints = append(groups[slice.Name].Endpoints, endpoint(s, p))
	}
	if len(names) == 0 {
		return []*discoveryv1.EndpointSlice{newSlice(s, ports(s, nil))}
	}
	slices.Sort(names)
	var all []*discoveryv1.EndpointSlice
	for _, name := range names {
		all = append(all, groups[name])
	}
	return all
}

// newSlice is an empty slice, named by the Service and its ports, so that the next look finds the same one.
func newSlice(s *corev1.Service, ports []discoveryv1.EndpointPort) *discoveryv1.EndpointSlice {
	h := fnv.New32a()
	for _, p := range ports {
		fmt.Fprintln(h, *p.Name, *p.Port, *p.Protocol)
	}
	slice := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: ports, Endpoints: []discoveryv1.Endpoint{}}
	slice.Namespace, slice.Name = s.Namespace, s.Name+"-"+rand.SafeEncodeString(fmt.Sprint(h.Sum32()))
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: s.Name, discoveryv1.LabelManagedBy: SliceManager}
	if s.Spec.ClusterIP == corev1.ClusterIPNone {
		slice.Labels[corev1.IsHeadlessService] = ""
	}
	slice.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s, corev1.SchemeGroupVersion.WithKind("Service"))}
	return slice
}

func endpoint(s *corev1.Service, p *corev1.Pod) discoveryv1.Endpoint {
	serving, terminating := Ready(p), p.DeletionTimestamp != nil
	ready := serving && !terminating || s.Spec.PublishNotReadyAddresses
	node := p.Spec.NodeName
	return discoveryv1.Endpoint{
		Addresses:  []string{p.Status.PodIP},
		Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &terminating},
		NodeName:   &node,
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
	}
}

// ports are a Service's ports as they are on a pod: a target by name is looked up among its containers' ports, and left out
// where no container has it. With no pod, only targets by number are known.
func ports(s *corev1.Service, p *corev1.Pod) []discoveryv1.EndpointPort {
	found := []discoveryv1.EndpointPort{}
	for _, port := range s.Spec.Ports {
		number := port.TargetPort.IntVal
		if port.TargetPort.Type == intstr.String {
			number = namedPort(p, port.TargetPort.StrVal, port.Protocol)
		}
		if number > 0 {
			found = append(found, discoveryv1.EndpointPort{Name: &port.Name, Port: &number, Protocol: &port.Protocol, AppProtocol: port.AppProtocol})
		}
	}
	slices.SortFunc(found, func(a, b discoveryv1.EndpointPort) int { return cmp.Compare(*a.Name, *b.Name) })
	return found
}

func namedPort(p *corev1.Pod, name string, protocol corev1.Protocol) int32 {
	if p == nil {
		return 0
	}
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if port.Name == name && port.Protocol == protocol {
				return port.ContainerPort
			}
		}
	}
	return 0
}
