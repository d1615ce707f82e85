package kinds_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/kubelite/kinds"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var (
	now   = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	birth = kinds.Birth{Now: now, UID: "u1", Suffix: "abcde"}

	pods        = kinds.Find("", "v1", "pods")
	nodes       = kinds.Find("", "v1", "nodes")
	services    = kinds.Find("", "v1", "services")
	deployments = kinds.Find("apps", "v1", "deployments")
	leases      = kinds.Find("coordination.k8s.io", "v1", "leases")
	endpoints   = kinds.Find("discovery.k8s.io", "v1", "endpointslices")
	events      = kinds.Find("", "v1", "events")
	newEvents   = kinds.Find("events.k8s.io", "v1", "events")
)

func template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "web", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8000}}}}},
	}
}

func deployment() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Template: template()},
	}
}

func pod() *corev1.Pod {
	t := template()
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: t.Spec}
}

// born is an object as the API would have it after its creation.
func born[T kinds.Object](t *testing.T, k *kinds.Kind, o T) T {
	t.Helper()
	namespace := "default"
	if !k.Namespaced {
		namespace = ""
	}
	if err := k.Create(o, namespace, birth); err != nil {
		t.Fatal(err)
	}
	o.SetResourceVersion("7")
	return o
}

// Each case breaks one field of a valid object, and the answer names it in Kubernetes' words.
func TestWhatIsRefused(t *testing.T) {
	d := func(change func(*appsv1.Deployment)) kinds.Object { o := deployment(); change(o); return o }
	c := func(change func(*corev1.Container)) kinds.Object { o := pod(); change(&o.Spec.Containers[0]); return o }
	s := func(ports ...corev1.ServicePort) kinds.Object {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Ports: ports}}
	}
	e := func(kind discoveryv1.AddressType, addresses ...string) kinds.Object {
		return &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "web"}, AddressType: kind, Endpoints: []discoveryv1.Endpoint{{Addresses: addresses}}}
	}
	for _, x := range []struct {
		kind  *kinds.Kind
		o     kinds.Object
		field string
		says  string
	}{
		{deployments, d(func(d *appsv1.Deployment) { d.Name = "Web_1" }), "metadata.name", "RFC 1123 subdomain"},
		{deployments, d(func(d *appsv1.Deployment) { d.Name = "" }), "metadata.name", "name or generateName is required"},
		{deployments, d(func(d *appsv1.Deployment) { d.Labels = map[string]string{"a b": "c"} }), "metadata.labels", "name part must consist of"},
		{deployments, d(func(d *appsv1.Deployment) { n := int32(-1); d.Spec.Replicas = &n }), "spec.replicas", "must be greater than or equal to 0"},
		{deployments, d(func(d *appsv1.Deployment) { d.Spec.MinReadySeconds = -1 }), "spec.minReadySeconds", "must be greater than or equal to 0"},
		{deployments, d(func(d *appsv1.Deployment) { d.Spec.Selector = nil }), "spec.selector", "Required value"},
		{deployments, d(func(d *appsv1.Deployment) { d.Spec.Selector.MatchLabels = nil }), "spec.selector", "empty selector is invalid"},
		{deployments, d(func(d *appsv1.Deployment) { d.Spec.Template.Labels = nil }), "spec.template.metadata.labels", "`selector` does not match template `labels`"},
		{deployments, d(func(d *appsv1.Deployment) { d.Spec.Paused = true }), "spec.paused", "no roll-out to pause"},
		{deployments, d(func(d *appsv1.Deployment) { d.Spec.Strategy.Type = "Slowly" }), "spec.strategy.type", `supported values: "RollingUpdate", "Recreate"`},
		{deployments, d(func(d *appsv1.Deployment) { d.Spec.Template.Spec.RestartPolicy = "Never" }), "spec.template.spec.restartPolicy", `supported values: "Always"`},
		{deployments, d(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers = nil }), "spec.template.spec.containers", "Required value"},
		{pods, c(func(c *corev1.Container) { c.Name = "" }), "spec.containers[0].name", "Required value"},
		{pods, c(func(c *corev1.Container) { c.Name = "A" }), "spec.containers[0].name", "RFC 1123 label"},
		{pods, c(func(c *corev1.Container) { c.Image = "" }), "spec.containers[0].image", "Required value"},
		{pods, c(func(c *corev1.Container) { c.Ports[0].ContainerPort = 65536 }), "spec.containers[0].ports[0].containerPort", "between 1 and 65535"},
		{pods, c(func(c *corev1.Container) { c.Ports[0].Name = "much-too-long-a-name" }), "spec.containers[0].ports[0].name", "must be no more than 15 characters"},
		{pods, c(func(c *corev1.Container) { c.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("-1")} }), "spec.containers[0].resources.requests[cpu]", "must be greater than or equal to 0"},
		{pods, c(func(c *corev1.Container) {
			c.Resources.Requests, c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("2")}, corev1.ResourceList{"cpu": resource.MustParse("1")}
		}), "spec.containers[0].resources.requests[cpu]", "must be less than or equal to cpu limit of 1"},
		{services, s(), "spec.ports", "Required value"},
		{services, s(corev1.ServicePort{TargetPort: intstr.FromInt32(80)}), "spec.ports[0].port", "between 1 and 65535"},
		{services, s(corev1.ServicePort{Port: 80, TargetPort: intstr.FromString("a--b")}), "spec.ports[0].targetPort", "must not contain consecutive hyphens"},
		{services, s(corev1.ServicePort{Port: 80}, corev1.ServicePort{Port: 81, Name: "b"}), "spec.ports[0].name", "Required value"},
		{services, s(corev1.ServicePort{Port: 80, Name: "a"}, corev1.ServicePort{Port: 81, Name: "a"}), "spec.ports[1].name", "Duplicate value"},
		{endpoints, e("", "127.0.0.1"), "addressType", "Required value"},
		{endpoints, e(discoveryv1.AddressTypeIPv4), "endpoints[0].addresses", "must contain at least 1 address"},
		{endpoints, e(discoveryv1.AddressTypeIPv4, "here"), "endpoints[0].addresses[0]", "must be a valid IP address"},
	} {
		t.Run(x.field+" "+x.says, func(t *testing.T) {
			err := x.kind.Create(x.o, "default", birth)
			if !apierrors.IsInvalid(err) || len(err.(apierrors.APIStatus).Status().Details.Causes) != 1 {
				t.Fatalf("%v: want one cause", err)
			}
			if c := err.(apierrors.APIStatus).Status().Details.Causes[0]; c.Field != x.field || !strings.Contains(c.Message, x.says) {
				t.Errorf("%s: %s; want %s saying %q", c.Field, c.Message, x.field, x.says)
			}
		})
	}
}

func TestCreateGivesWhatOnlyTheServerMay(t *testing.T) {
	d := deployment()
	d.Name, d.GenerateName, d.UID, d.ResourceVersion, d.Generation = "", "web-", "mine", "99", 12
	d.Status.Replicas = 5
	d = born(t, deployments, d)
	if d.Name != "web-abcde" || d.Namespace != "default" || d.UID != "u1" || d.Generation != 1 || d.Status.Replicas != 0 || !d.CreationTimestamp.Time.Equal(now.Truncate(time.Second)) {
		t.Errorf("%+v", d.ObjectMeta)
	}
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{Phase: "here"}}
	if n = born(t, nodes, n); n.Status.Phase != "here" {
		t.Error("a node registers with its status, and lost it")
	}
	if err := deployments.Create(deployment(), "other", birth); err != nil {
		t.Error(err)
	}
	elsewhere := deployment()
	elsewhere.Namespace = "other"
	if err := deployments.Create(elsewhere, "default", birth); !apierrors.IsBadRequest(err) {
		t.Errorf("an object of another namespace: %v", err)
	}
}

func TestDefaults(t *testing.T) {
	d := deployment()
	c := &d.Spec.Template.Spec.Containers[0]
	c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("250m")}
	c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString("http")}}}
	s := born(t, deployments, d).Spec
	for name, ok := range map[string]bool{
		"replicas":         *s.Replicas == 1,
		"strategy":         s.Strategy.Type == "RollingUpdate" && s.Strategy.RollingUpdate.MaxSurge.String() == "25%" && s.Strategy.RollingUpdate.MaxUnavailable.String() == "25%",
		"history":          *s.RevisionHistoryLimit == 10 && *s.ProgressDeadlineSeconds == 600,
		"grace":            *s.Template.Spec.TerminationGracePeriodSeconds == 30 && s.Template.Spec.RestartPolicy == "Always",
		"pull and ports":   c.ImagePullPolicy == "IfNotPresent" && c.Ports[0].Protocol == "TCP",
		"requests = limit": c.Resources.Requests.Cpu().MilliValue() == 250,
		"probe":            c.ReadinessProbe.TimeoutSeconds == 1 && c.ReadinessProbe.PeriodSeconds == 10 && c.ReadinessProbe.SuccessThreshold == 1 && c.ReadinessProbe.FailureThreshold == 3,
		"probe's request":  c.ReadinessProbe.HTTPGet.Path == "/" && c.ReadinessProbe.HTTPGet.Scheme == "HTTP",
	} {
		if !ok {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestAnUpdateThatLeavesReplicasOutKeepsThem(t *testing.T) {
	old := deployment()
	n := int32(7)
	old.Spec.Replicas = &n
	old = born(t, deployments, old)
	next := deployment()
	next.Spec.Template.Spec.Containers[0].Image = "web:2"
	got, err := deployments.Update(next, old, false)
	if err != nil {
		t.Fatal(err)
	}
	if d := got.(*appsv1.Deployment); *d.Spec.Replicas != 7 || d.Generation != 2 {
		t.Errorf("%d replicas, generation %d: want 7 and 2", *d.Spec.Replicas, d.Generation)
	}
}

func TestStatusAndSpecAreWrittenApart(t *testing.T) {
	old := born(t, deployments, deployment())
	both := old.DeepCopy()
	both.Status.ReadyReplicas = 3
	both.Spec.MinReadySeconds = 4
	both.Annotations = map[string]string{"a": "b"}

	o, err := deployments.Update(both.DeepCopy(), old, false)
	if d := o.(*appsv1.Deployment); err != nil || d.Status.ReadyReplicas != 0 || d.Spec.MinReadySeconds != 4 || d.Generation != 2 {
		t.Errorf("main: %v, status %+v, generation %d", err, d.Status, d.Generation)
	}
	o, err = deployments.Update(both.DeepCopy(), old, true)
	if d := o.(*appsv1.Deployment); err != nil || d.Status.ReadyReplicas != 3 || d.Spec.MinReadySeconds != 0 || d.Generation != 1 || d.Annotations["a"] != "b" {
		t.Errorf("status: %v, status %+v, spec %+v, generation %d", err, d.Status, d.Spec, d.Generation)
	}
	if o, err = deployments.Update(old.DeepCopy(), old, false); err != nil || o != kinds.Object(old) {
		t.Errorf("nothing changed, and yet there is a new version: %v", err)
	}
}

func TestAnUpdateOfSomethingElseIsRefused(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*coordinationv1.Lease)
		is     func(error) bool
	}{
		"an old version": {func(l *coordinationv1.Lease) { l.ResourceVersion = "6" }, apierrors.IsConflict},
		"another object": {func(l *coordinationv1.Lease) { l.UID = "u2" }, apierrors.IsConflict},
		"another name":   {func(l *coordinationv1.Lease) { l.Name = "other" }, apierrors.IsBadRequest},
		"no version":     {func(l *coordinationv1.Lease) { l.ResourceVersion = "" }, apierrors.IsInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			old := born(t, leases, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "leader"}})
			next := old.DeepCopy()
			x.change(next)
			if _, err := leases.Update(next, old, false); !x.is(err) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNoClientChangesAnObjectsIdentity(t *testing.T) {
	old := born(t, services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}})
	next := old.DeepCopy()
	next.CreationTimestamp, next.Generation, next.UID = metav1.NewTime(now.Add(time.Hour)), 9, ""
	next.DeletionTimestamp = &next.CreationTimestamp
	if o, err := services.Update(next, old, false); err != nil || o != kinds.Object(old) {
		t.Errorf("%v, %s", err, cmp.Diff(old, o))
	}
}

func TestImmutableFields(t *testing.T) {
	old := born(t, pods, pod())
	next := old.DeepCopy()
	next.Spec.NodeName = "n1"
	if _, err := pods.Update(next, old, false); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "pod updates may not change fields") {
		t.Errorf("a pod's node: %v", err)
	}
	next = old.DeepCopy()
	next.Spec.Containers[0].Image = "web:2"
	if _, err := pods.Update(next, old, false); err != nil {
		t.Errorf("a pod's image: %v", err)
	}
	was := born(t, deployments, deployment())
	will := was.DeepCopy()
	will.Spec.Selector.MatchLabels = map[string]string{"app": "web", "b": "c"}
	will.Spec.Template.Labels = will.Spec.Selector.MatchLabels
	if _, err := deployments.Update(will, was, false); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "field is immutable") {
		t.Errorf("a Deployment's selector: %v", err)
	}
}

func TestDelete(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	running := func(change func(*corev1.Pod)) *corev1.Pod {
		p := born(t, pods, pod())
		p.Spec.NodeName, p.Status.Phase = "n1", corev1.PodRunning
		if change != nil {
			change(p)
		}
		return p
	}
	marked := func(grace int64) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &metav1.Time{Time: now}, &grace
		}
	}
	const gone = -1
	for name, x := range map[string]struct {
		pod   *corev1.Pod
		asked *int64
		grace int64 // of the pod that is left
	}{
		"with its own grace":        {running(nil), nil, 30},
		"with another":              {running(nil), seconds(5), 5},
		"by force":                  {running(nil), seconds(0), gone},
		"without a node":            {running(func(p *corev1.Pod) { p.Spec.NodeName = "" }), seconds(5), gone},
		"after its end":             {running(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }), nil, gone},
		"again, sooner":             {running(marked(30)), seconds(3), 3},
		"again, later":              {running(marked(3)), seconds(30), 3},
		"for good, by its node":     {running(marked(30)), seconds(0), gone},
		"for good, but held":        {running(func(p *corev1.Pod) { marked(30)(p); p.Finalizers = []string{"a/b"} }), seconds(0), 0},
		"held, and asked for twice": {running(func(p *corev1.Pod) { marked(0)(p); p.Finalizers = []string{"a/b"} }), seconds(0), 0},
	} {
		t.Run(name, func(t *testing.T) {
			next, err := pods.Delete(x.pod, metav1.DeleteOptions{GracePeriodSeconds: x.asked}, now)
			if err != nil || (next == nil) != (x.grace == gone) {
				t.Fatalf("%v, %v", next, err)
			}
			if next != nil && (*next.GetDeletionGracePeriodSeconds() != x.grace || next.GetDeletionTimestamp() == nil) {
				t.Errorf("left with %d s, want %d", *next.GetDeletionGracePeriodSeconds(), x.grace)
			}
		})
	}
	p := running(nil)
	next, err := pods.Delete(p, metav1.DeleteOptions{}, now)
	if want := now.Truncate(time.Second).Add(30 * time.Second); err != nil || !next.GetDeletionTimestamp().Time.Equal(want) || p.DeletionTimestamp != nil {
		t.Errorf("%v: ends at %v, want %v, and the old version untouched", err, next.GetDeletionTimestamp(), want)
	}
	uid := types.UID("another")
	if _, err := pods.Delete(p, *metav1.NewPreconditionDeleteOptions(string(uid)), now); !apierrors.IsConflict(err) {
		t.Errorf("another pod of that name: %v", err)
	}
	version := "6"
	if _, err := pods.Delete(p, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &version}}, now); !apierrors.IsConflict(err) {
		t.Errorf("an old version: %v", err)
	}
}

func TestEnded(t *testing.T) {
	zero, some := int64(0), int64(30)
	for name, x := range map[string]struct {
		o    metav1.ObjectMeta
		want bool
	}{
		"alive":          {metav1.ObjectMeta{}, false},
		"on its way":     {metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}, DeletionGracePeriodSeconds: &some}, false},
		"held":           {metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}, DeletionGracePeriodSeconds: &zero, Finalizers: []string{"a/b"}}, false},
		"held no longer": {metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}, DeletionGracePeriodSeconds: &zero}, true},
	} {
		if got := kinds.Ended(&corev1.Pod{ObjectMeta: x.o}); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRescale(t *testing.T) {
	d := born(t, deployments, deployment())
	for name, x := range map[string]struct {
		change func(*autoscalingv1.Scale)
		is     func(error) bool
	}{
		"more":           {func(s *autoscalingv1.Scale) { s.Spec.Replicas = 3 }, func(err error) bool { return err == nil }},
		"negative":       {func(s *autoscalingv1.Scale) { s.Spec.Replicas = -3 }, apierrors.IsInvalid},
		"an old version": {func(s *autoscalingv1.Scale) { s.ResourceVersion = "6" }, apierrors.IsConflict},
		"another name":   {func(s *autoscalingv1.Scale) { s.Name = "other" }, apierrors.IsBadRequest},
	} {
		s := kinds.ScaleOf(d)
		x.change(s)
		o, err := deployments.Rescaled(d, s)
		if !x.is(err) || err == nil && (*o.(*appsv1.Deployment).Spec.Replicas != 3 || o.GetGeneration() != 2 || *d.Spec.Replicas != 1) {
			t.Errorf("%s: %v, %+v", name, err, o)
		}
	}
	if s := kinds.ScaleOf(d); s.Status.Selector != "app=web" || s.UID != d.UID {
		t.Errorf("%+v", s)
	}
}

func TestSelect(t *testing.T) {
	p := born(t, pods, pod())
	p.Labels, p.Spec.NodeName = map[string]string{"app": "web"}, "n1"
	for selectors, want := range map[[3]string]bool{
		{"", "", ""}: true, {"default", "", ""}: true, {"other", "", ""}: false,
		{"", "app in (web,api)", ""}: true, {"", "app!=web", ""}: false,
		{"", "", "spec.nodeName=n1,metadata.name=web"}: true, {"", "", "spec.nodeName!=n1"}: false, {"", "", "status.phase=Running"}: false,
		{"", "", "metadata.namespace=default"}: true,
	} {
		match, err := pods.Select(selectors[0], selectors[1], selectors[2])
		if err != nil || match(p) != want {
			t.Errorf("%q: %v, want %v", selectors, err, want)
		}
	}
	for selectors, says := range map[[2]string]string{
		{"a in", ""}: `unable to parse labelSelector "a in"`, {"", "spec.nodeName"}: "unable to parse fieldSelector",
		{"", "spec.image=a"}: `"spec.image" is not a known field selector: only metadata.name, metadata.namespace, spec.nodeName`,
	} {
		if _, err := pods.Select("", selectors[0], selectors[1]); !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want a 400 saying %q", selectors, err, says)
		}
	}
	if _, err := nodes.Select("", "", "metadata.namespace=x"); !apierrors.IsBadRequest(err) {
		t.Errorf("a node has no namespace: %v", err)
	}
}

func TestAnEventIsTheSameInBothShapes(t *testing.T) {
	e := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "scaled", Namespace: "default"}, EventTime: metav1.NewMicroTime(now), ReportingController: "autoscaler",
		ReportingInstance: "a1", Action: "Scale", Reason: "ScaledUp", Note: "1→2", Type: "Normal", Regarding: corev1.ObjectReference{Kind: "Deployment", Name: "web"},
		Related: &corev1.ObjectReference{Name: "other"}, Series: &eventsv1.EventSeries{Count: 2, LastObservedTime: metav1.NewMicroTime(now)},
		DeprecatedSource: corev1.EventSource{Component: "c"}, DeprecatedCount: 3, DeprecatedFirstTimestamp: metav1.NewTime(now), DeprecatedLastTimestamp: metav1.NewTime(now),
	}
	e.SetGroupVersionKind(newEvents.GroupVersionKind)
	stored := newEvents.Stored(e)
	if diff := cmp.Diff(kinds.Object(e), newEvents.View(stored)); diff != "" {
		t.Error(diff)
	}
	for _, k := range []*kinds.Kind{events, newEvents} {
		match, err := k.Select("default", "", "reason=ScaledUp,involvedObject.name=web")
		if err != nil || !match(stored) {
			t.Errorf("%s: %v", k.GroupVersionKind, err)
		}
	}
	if seen := kinds.LastSeen(stored.(*corev1.Event)); !seen.Equal(now) {
		t.Errorf("last seen %v", seen)
	}
}

func TestRows(t *testing.T) {
	later := now.Add(90 * time.Minute)
	waiting := func(reason string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 4, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}
		}
	}
	p := func(change func(*corev1.Pod)) kinds.Object {
		o := born(t, pods, pod())
		o.Status.Phase, o.Spec.NodeName, o.Status.PodIP = corev1.PodRunning, "n1", "127.64.0.1"
		o.Status.ContainerStatuses = []corev1.ContainerStatus{{Ready: true}}
		change(o)
		return o
	}
	d := born(t, deployments, deployment())
	d.Status = appsv1.DeploymentStatus{ReadyReplicas: 1, UpdatedReplicas: 2, AvailableReplicas: 1}
	n := born(t, nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"node-role.kubernetes.io/worker": ""}}, Status: corev1.NodeStatus{
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}, Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}},
		NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1"},
	}})
	n.Spec.Unschedulable = true
	s := born(t, services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"a": "b"}, Ports: []corev1.ServicePort{{Port: 80}}}})
	e := born(t, events, &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e"}, Type: "Normal", Reason: "Scaled", Message: "up\n", InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web"}, LastTimestamp: metav1.NewTime(now.Truncate(time.Second).Add(time.Hour))})
	l := born(t, leases, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "leader"}})
	for _, x := range []struct {
		kind *kinds.Kind
		o    kinds.Object
		want string
	}{
		{pods, p(func(*corev1.Pod) {}), "web 1/1 Running 0 90m 127.64.0.1 n1 <none> <none>"},
		{pods, p(waiting("CrashLoopBackOff")), "web 0/1 CrashLoopBackOff 4 90m 127.64.0.1 n1 <none> <none>"},
		{pods, p(func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0] = corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3}}}
		}), "web 0/1 ExitCode:3 0 90m 127.64.0.1 n1 <none> <none>"},
		{pods, p(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: now} }), "web 1/1 Terminating 0 90m 127.64.0.1 n1 <none> <none>"},
		{deployments, d, "web 1/1 2 1 90m main web app=web"},
		{nodes, n, "n1 Ready,SchedulingDisabled worker 90m v1 127.0.0.1 <none> <unknown> <unknown> <unknown>"},
		{services, s, "web ClusterIP <none> <none> 80/TCP 90m a=b"},
		{events, e, "30m Normal Scaled pod/web up e"},
		{leases, l, "leader 90m"},
	} {
		var words []string
		for _, cell := range x.kind.Row(x.o, later.Truncate(time.Second)) {
			words = append(words, fmt.Sprint(cell))
		}
		if got := strings.Join(words, " "); got != x.want || len(words) != len(x.kind.Columns()) {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
	wide := func(c kinds.Column) bool { return c.Priority > 0 }
	if i := slices.IndexFunc(pods.Columns(), wide); i != 5 || pods.Columns()[5].Name != "IP" {
		t.Errorf("column %d is the first that only -o wide shows", i)
	}
}
