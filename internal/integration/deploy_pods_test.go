package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func testWorkloads(t *testing.T, base, minikube, whole []metav1.Object) {
	const ours = " probes /healthz /readyz /healthz, grace 45s"
	want := map[string]string{
		// The number of replicas is the autoscaler's.
		"resnet-inference": "replicas unsaid, surge 1 unavailable 0: resnet resnet-inference:latest [], http 8000, cpu 250m..250m memory 512Mi..512Mi, probes /readyz /readyz /healthz, grace 45s",
		"dispatcher":       "replicas 2, surge 1 unavailable 0: dispatcher dispatcher:latest [dispatcher], http 8080, cpu 100m..0 memory 192Mi..192Mi," + ours,
		"prometheus":       "replicas 1, Recreate: prometheus prom/prometheus:v3.16.0 [], http 9090, cpu 200m..0 memory 1Gi..1Gi, probes /-/ready /-/ready /-/healthy, grace 60s",
	}
	same(t, workloads(t, minikube), want)
	want["autoscaler"] = "replicas 1, surge 1 unavailable 0: autoscaler dispatcher:latest [autoscaler], http 8081, cpu 50m..0 memory 128Mi..128Mi," + ours
	want["grafana"] = "replicas 1, Recreate: grafana grafana/grafana:13.1.2 [], http 3000, cpu 50m..0 memory 512Mi..512Mi, probes /api/health /api/health /api/health, grace 30s"
	same(t, workloads(t, whole), want)
	r := named[*appsv1.Deployment](t, base, "resnet-inference").Spec.Template.Spec.Containers[0].Resources
	if got := resources(r); got != "cpu 1..1 memory 512Mi..512Mi" {
		t.Errorf("outside minikube a model server has %s: a slot is a whole core", got)
	}
}

func workloads(t *testing.T, objects []metav1.Object) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, d := range all[*appsv1.Deployment](objects) {
		got[d.Name] = workload(t, d)
	}
	return got
}

func workload(t *testing.T, d *appsv1.Deployment) string {
	t.Helper()
	pod := d.Spec.Template.Spec
	if len(pod.Containers) != 1 || len(pod.InitContainers) > 0 || len(pod.Containers[0].Ports) != 1 {
		t.Fatalf("%s: not one container with one port", d.Name)
	}
	c := pod.Containers[0]
	if c.ImagePullPolicy != corev1.PullIfNotPresent {
		t.Errorf("%s: imagePullPolicy %q: an image that only the node has would be asked of a registry", d.Name, c.ImagePullPolicy)
	}
	if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
		t.Errorf("%s: service links: each Service would become variables, of which some could read as a flag's", d.Name)
	}
	if c.Lifecycle != nil {
		t.Errorf("%s has a lifecycle hook: the drain is the program's own", d.Name)
	}
	grace := int64(30) // Kubernetes' default
	if pod.TerminationGracePeriodSeconds != nil {
		grace = *pod.TerminationGracePeriodSeconds
	}
	testMemory(t, d.Name, &c)
	return fmt.Sprintf("%s: %s %s %v, %s %d, %s, %s, grace %ds",
		rollout(d), c.Name, c.Image, c.Command, c.Ports[0].Name, c.Ports[0].ContainerPort, resources(c.Resources), probes(t, d.Name, &c), grace)
}

func rollout(d *appsv1.Deployment) string {
	replicas := "unsaid"
	if d.Spec.Replicas != nil {
		replicas = fmt.Sprint(*d.Spec.Replicas)
	}
	if r := d.Spec.Strategy.RollingUpdate; r != nil {
		return fmt.Sprintf("replicas %s, surge %v unavailable %v", replicas, r.MaxSurge, r.MaxUnavailable)
	}
	return fmt.Sprintf("replicas %s, %s", replicas, d.Spec.Strategy.Type)
}

func resources(r corev1.ResourceRequirements) string {
	return fmt.Sprintf("cpu %v..%v memory %v..%v", r.Requests.Cpu(), r.Limits.Cpu(), r.Requests.Memory(), r.Limits.Memory())
}

// testMemory checks that our own programs know their limit.
func testMemory(t *testing.T, name string, c *corev1.Container) {
	t.Helper()
	ours := strings.HasSuffix(c.Image, ":latest")
	knows := slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.Name == "GOMEMLIMIT" && e.ValueFrom != nil && e.ValueFrom.ResourceFieldRef != nil && e.ValueFrom.ResourceFieldRef.Resource == "limits.memory"
	})
	if ours && !knows {
		t.Errorf("%s: GOMEMLIMIT does not follow its limit", name)
	}
}

// probes tells the paths of the start-up, readiness and liveness probe. Their times are the same everywhere.
func probes(t *testing.T, name string, c *corev1.Container) string {
	t.Helper()
	text := "probes"
	for i, p := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Port.String() != c.Ports[0].Name {
			t.Fatalf("%s lacks one of three probes at its port", name)
		}
		period, failures := int32(5), int32(6)
		if i == 0 {
			period, failures = 1, max(60, p.FailureThreshold) // it may take its time, but is asked often
		}
		if p.PeriodSeconds != period || p.TimeoutSeconds != 3 || p.FailureThreshold != failures {
			t.Errorf("%s: probe %s every %d s, time-out %d s, %d failures", name, p.HTTPGet.Path, p.PeriodSeconds, p.TimeoutSeconds, p.FailureThreshold)
		}
		text += " " + p.HTTPGet.Path
	}
	return text
}

// testRestricted checks all that the restricted Pod Security standard asks for, and that the file system is read-only.
func testRestricted(t *testing.T, objects []metav1.Object) {
	for _, d := range all[*appsv1.Deployment](objects) {
		pod := d.Spec.Template.Spec
		for broken, is := range map[string]bool{
			"it may see the node's network, processes or users": pod.HostNetwork || pod.HostPID || pod.HostIPC || pod.HostUsers != nil,
			"a volume is of a kind that is not allowed":         slices.ContainsFunc(pod.Volumes, forbiddenVolume),
		} {
			if is {
				t.Errorf("%s: %s", d.Name, broken)
			}
		}
		for i := range pod.Containers {
			for broken, is := range unrestricted(pod.SecurityContext, &pod.Containers[i]) {
				if is {
					t.Errorf("%s: %s", d.Name, broken)
				}
			}
		}
	}
}

func unrestricted(pod *corev1.PodSecurityContext, c *corev1.Container) map[string]bool {
	own := c.SecurityContext
	if pod == nil || own == nil {
		return map[string]bool{"no security context": true}
	}
	return map[string]bool{
		"it may run as root": pod.RunAsNonRoot == nil || !*pod.RunAsNonRoot || pod.RunAsUser == nil || *pod.RunAsUser == 0 ||
			own.RunAsNonRoot != nil || own.RunAsUser != nil,
		"its seccomp profile is not the runtime's":  pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault || own.SeccompProfile != nil,
		"it sets sysctls or other profiles":         len(pod.Sysctls) > 0 || pod.SELinuxOptions != nil || pod.AppArmorProfile != nil || own.SELinuxOptions != nil || own.AppArmorProfile != nil,
		"it may gain privileges":                    own.AllowPrivilegeEscalation == nil || *own.AllowPrivilegeEscalation || own.Privileged != nil,
		"it has capabilities":                       own.Capabilities == nil || !slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(own.Capabilities.Add) > 0,
		"it may write to its image's files":         own.ReadOnlyRootFilesystem == nil || !*own.ReadOnlyRootFilesystem,
		"it unmasks /proc":                          own.ProcMount != nil,
		"it takes a port of the node":               slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 }),
		"a probe may be sent to another host by it": slices.ContainsFunc([]*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe}, func(p *corev1.Probe) bool { return p != nil && p.HTTPGet.Host != "" }),
	}
}

func forbiddenVolume(v corev1.Volume) bool {
	return v.EmptyDir == nil && v.ConfigMap == nil && v.PersistentVolumeClaim == nil
}

// testSpread: where there are several pods, a node that goes takes few of them, and one that is full does not keep them from running.
func testSpread(t *testing.T, objects []metav1.Object) {
	for _, name := range []string{"resnet-inference", "dispatcher"} {
		d := named[*appsv1.Deployment](t, objects, name)
		spread := d.Spec.Template.Spec.TopologySpreadConstraints
		if len(spread) != 1 || spread[0].TopologyKey != corev1.LabelHostname || spread[0].WhenUnsatisfiable != corev1.ScheduleAnyway || spread[0].MaxSkew != 1 ||
			!cmp.Equal(spread[0].LabelSelector, d.Spec.Selector) || !slices.Equal(spread[0].MatchLabelKeys, []string{appsv1.DefaultDeploymentUniqueLabelKey}) {
			t.Errorf("%s: %+v", name, spread)
		}
	}
}
