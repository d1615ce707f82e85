package kinds

import (
	"cmp"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// What Kubernetes fills in where a client says nothing, as far as a part of this system relies on it.
// Source: pkg/apis/{core,apps,discovery}/v1/defaults.go of k8s.io/kubernetes.

func defaultDeployment(d, old *appsv1.Deployment) {
	s := &d.Spec
	if s.Replicas == nil && old != nil {
		// Whoever leaves the number out does not want it: an autoscaler owns it.
		s.Replicas = old.Spec.Replicas
	}
	orDefault(&s.Replicas, 1)
	orDefault(&s.RevisionHistoryLimit, 10)
	orDefault(&s.ProgressDeadlineSeconds, 600)
	s.Strategy.Type = cmp.Or(s.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if s.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		orDefault(&s.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		orDefault(&s.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
		orDefault(&s.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
	}
	defaultPodSpec(&s.Template.Spec)
}

func defaultPod(p, old *corev1.Pod) {
	defaultPodSpec(&p.Spec)
	if old == nil {
		p.Status = corev1.PodStatus{Phase: corev1.PodPending}
	}
}

func defaultPodSpec(s *corev1.PodSpec) {
	s.RestartPolicy = cmp.Or(s.RestartPolicy, corev1.RestartPolicyAlways)
	orDefault(&s.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	for i := range s.InitContainers {
		defaultContainer(&s.InitContainers[i])
	}
	for i := range s.Containers {
		defaultContainer(&s.Containers[i])
	}
}

func defaultContainer(c *corev1.Container) {
	c.ImagePullPolicy = cmp.Or(c.ImagePullPolicy, corev1.PullIfNotPresent)
	for i := range c.Ports {
		c.Ports[i].Protocol = cmp.Or(c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for name, limit := range c.Resources.Limits {
		if _, asked := c.Resources.Requests[name]; !asked {
			if c.Resources.Requests == nil {
				c.Resources.Requests = corev1.ResourceList{}
			}
			c.Resources.Requests[name] = limit
		}
	}
	for _, p := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		if p != nil {
			defaultProbe(p)
		}
	}
}

func defaultProbe(p *corev1.Probe) {
	p.TimeoutSeconds = cmp.Or(p.TimeoutSeconds, 1)
	p.PeriodSeconds = cmp.Or(p.PeriodSeconds, 10)
	p.SuccessThreshold = cmp.Or(p.SuccessThreshold, 1)
	p.FailureThreshold = cmp.Or(p.FailureThreshold, 3)
	if get := p.HTTPGet; get != nil {
		get.Path = cmp.Or(get.Path, "/")
		get.Scheme = cmp.Or(get.Scheme, corev1.URISchemeHTTP)
	}
}

func defaultService(s, _ *corev1.Service) {
	s.Spec.Type = cmp.Or(s.Spec.Type, corev1.ServiceTypeClusterIP)
	s.Spec.SessionAffinity = cmp.Or(s.Spec.SessionAffinity, corev1.ServiceAffinityNone)
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		p.Protocol = cmp.Or(p.Protocol, corev1.ProtocolTCP)
		if p.TargetPort == (intstr.IntOrString{}) {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
}

func defaultNamespace(n, _ *corev1.Namespace) {
	n.Status.Phase = cmp.Or(n.Status.Phase, corev1.NamespaceActive)
}

func defaultEndpointSlice(s, _ *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		orDefault(&s.Ports[i].Name, "")
		orDefault(&s.Ports[i].Protocol, corev1.ProtocolTCP)
	}
}

func orDefault[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}
