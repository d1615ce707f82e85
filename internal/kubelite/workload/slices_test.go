package workload_test

import (
	"fmt"
	"testing"

	"resnet-autoscaling/internal/kubelite/workload"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func service(change func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "s"}}
	s.Spec.Selector = map[string]string{"app": "web"}
	s.Spec.Ports = []corev1.ServicePort{
		{Name: "http", Port: 80, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP},
		{Name: "metrics", Port: 9000, TargetPort: intstr.FromInt32(9001), Protocol: corev1.ProtocolTCP},
	}
	if change != nil {
		change(s)
	}
	return s
}

func backend(ip string, httpPort int32, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p" + ip, Namespace: "default", UID: "u", Labels: map[string]string{"app": "web"}}}
	p.Spec.NodeName, p.Status.PodIP = "n1", ip
	p.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: httpPort, Protocol: corev1.ProtocolTCP}}}}
	setReady(p, true, start)
	if change != nil {
		change(p)
	}
	return p
}

// line is an endpoint as text: address, ports, and what it is good for.
func lines(all []*discoveryv1.EndpointSlice) []string {
	var text []string
	for _, s := range all {
		ports := ""
		for _, p := range s.Ports {
			ports += fmt.Sprintf(" %s=%d", *p.Name, *p.Port)
		}
		for _, e := range s.Endpoints {
			text = append(text, fmt.Sprintf("%s%s ready=%v serving=%v terminating=%v", e.Addresses[0], ports, *e.Conditions.Ready, *e.Conditions.Serving, *e.Conditions.Terminating))
		}
	}
	return text
}

func TestSlices(t *testing.T) {
	notReady := func(p *corev1.Pod) { setReady(p, false, start) }
	ending := func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: start} }
	for name, c := range map[string]struct {
		service *corev1.Service
		pod     *corev1.Pod
		want    string
	}{
		"ready":                 {service(nil), backend("127.0.0.2", 8000, nil), "127.0.0.2 http=8000 metrics=9001 ready=true serving=true terminating=false"},
		"not ready":             {service(nil), backend("127.0.0.2", 8000, notReady), "127.0.0.2 http=8000 metrics=9001 ready=false serving=false terminating=false"},
		"draining":              {service(nil), backend("127.0.0.2", 8000, ending), "127.0.0.2 http=8000 metrics=9001 ready=false serving=true terminating=true"},
		"published before time": {service(func(s *corev1.Service) { s.Spec.PublishNotReadyAddresses = true }), backend("127.0.0.2", 8000, notReady), "127.0.0.2 http=8000 metrics=9001 ready=true serving=false terminating=false"},
		"a port it lacks":       {service(nil), backend("127.0.0.2", 8000, func(p *corev1.Pod) { p.Spec.Containers = nil }), "127.0.0.2 metrics=9001 ready=true serving=true terminating=false"},
		"no address yet":        {service(nil), backend("", 8000, nil), ""},
		"ended":                 {service(nil), backend("127.0.0.2", 8000, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }), ""},
		"another's pod":         {service(nil), backend("127.0.0.2", 8000, func(p *corev1.Pod) { p.Labels = nil }), ""},
		"another namespace":     {service(nil), backend("127.0.0.2", 8000, func(p *corev1.Pod) { p.Namespace = "other" }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			all := workload.Slices(c.service, []*corev1.Pod{c.pod})
			got := ""
			if text := lines(all); len(text) > 0 {
				got = text[0]
			}
			if len(all) != 1 || got != c.want {
				t.Errorf("%d slices, %q; want %q", len(all), got, c.want)
			}
			s := all[0]
			if s.Labels[discoveryv1.LabelServiceName] != "web" || s.Labels[discoveryv1.LabelManagedBy] != workload.SliceManager || !metav1.IsControlledBy(s, c.service) {
				t.Errorf("labels %v, owners %v", s.Labels, s.OwnerReferences)
			}
		})
	}
}

func TestAServiceWithoutASelectorIsSomebodyElses(t *testing.T) {
	s := service(func(s *corev1.Service) { s.Spec.Selector = nil })
	if all := workload.Slices(s, []*corev1.Pod{backend("127.0.0.2", 8000, nil)}); all != nil {
		t.Errorf("slices %v", all)
	}
}

func TestPodsWithOtherPortNumbersGetASliceOfTheirOwn(t *testing.T) {
	all := workload.Slices(service(nil), []*corev1.Pod{backend("127.0.0.2", 8000, nil), backend("127.0.0.3", 8001, nil), backend("127.0.0.4", 8000, nil)})
	if len(all) != 2 || len(lines(all)) != 3 || all[0].Name == all[1].Name {
		t.Errorf("%d slices: %v", len(all), lines(all))
	}
}

func TestASliceHoldsAThousandAndKeepsItsName(t *testing.T) {
	var pods []*corev1.Pod
	for i := range 1001 {
		pods = append(pods, backend(fmt.Sprintf("127.1.%d.%d", i/250, i%250+1), 8000, nil))
	}
	all := workload.Slices(service(nil), pods)
	if len(all) != 2 || len(all[0].Endpoints) != 1000 || len(all[1].Endpoints) != 1 {
		t.Fatalf("%d slices", len(all))
	}
	if again := workload.Slices(service(nil), pods[:10]); again[0].Name != all[0].Name {
		t.Errorf("the slice was %s and is %s: who watches sees it leave and come", all[0].Name, again[0].Name)
	}
}
