// Package kubeapi is what this system expects of a Kubernetes API server, as tests that run against any: the local runtime's subset in
// its own tests, and a real one in the end-to-end test. What both pass, our programs may rely on.
package kubeapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

const namespace = metav1.NamespaceDefault

// suite is one server under test.
type suite struct{ client kubernetes.Interface }

// Run runs all tests against the client's server. It leaves nothing behind there.
func Run(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	s := suite{client}
	for name, test := range map[string]func(*testing.T){
		"what is created can be read and not be created again": s.create,
		"selectors":                           s.selectors,
		"updates lose no other's":             s.conflicts,
		"generations count what counts":       s.generations,
		"patches":                             s.patches,
		"scale":                               s.scale,
		"a watch goes on from a list":         s.watchFromList,
		"a watch may begin with all there is": s.watchList,
		"deletion minds preconditions":        s.deletion,
		"leases":                              s.leases,
		"events":                              s.events,
		"tables":                              s.tables,
		"what is wrong is refused":            s.refusals,
		"discovery":                           s.discovery,
	} {
		t.Run(name, test)
	}
}

// deployment has no replicas, so that no controller gets in the way.
func deployment(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name, "suite": "yes"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: name + ":latest"}, {Name: "side", Image: "side:1"}}},
			},
		},
	}
}

// made creates a Deployment and removes it when the test ends.
func (s suite) made(t *testing.T, name string) *appsv1.Deployment {
	t.Helper()
	d, err := s.client.AppsV1().Deployments(namespace).Create(t.Context(), deployment(name), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.remove(t, name) })
	return d
}

// remove runs also when the test's own context has ended.
func (s suite) remove(t *testing.T, name string) {
	t.Helper()
	err := s.client.AppsV1().Deployments(namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Error(err)
	}
}

func (s suite) get(t *testing.T, name string) *appsv1.Deployment {
	t.Helper()
	d, err := s.client.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s suite) create(t *testing.T) {
	d := s.made(t, "created")
	if d.UID == "" || d.ResourceVersion == "" || d.CreationTimestamp.IsZero() || d.Generation != 1 || d.Namespace != namespace {
		t.Errorf("created: %+v", d.ObjectMeta)
	}
	if d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType || *d.Spec.RevisionHistoryLimit != 10 || *d.Spec.ProgressDeadlineSeconds != 600 {
		t.Errorf("defaults: %+v", d.Spec)
	}
	if got := s.get(t, "created"); got.UID != d.UID {
		t.Errorf("read %s, created %s", got.UID, d.UID)
	}
	if _, err := s.client.AppsV1().Deployments(namespace).Create(t.Context(), deployment("created"), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("created again: %v", err)
	}
	if _, err := s.client.AppsV1().Deployments(namespace).Get(t.Context(), "absent", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("absent: %v", err)
	}
}

func (s suite) selectors(t *testing.T) {
	s.made(t, "one")
	s.made(t, "two")
	for o, want := range map[metav1.ListOptions]string{
		{LabelSelector: "suite=yes"}:                                     "one two",
		{LabelSelector: "suite=yes,app!=one"}:                            "two",
		{LabelSelector: "app in (one,three)"}:                            "one",
		{LabelSelector: "suite=no"}:                                      "",
		{LabelSelector: "suite", FieldSelector: "metadata.name=two"}:     "two",
		{LabelSelector: "suite", FieldSelector: "metadata.namespace=no"}: "",
	} {
		list, err := s.client.AppsV1().Deployments(namespace).List(t.Context(), o)
		if err != nil {
			t.Errorf("%v: %v", o, err)
			continue
		}
		var names []string
		for _, d := range list.Items {
			names = append(names, d.Name)
		}
		if got := strings.Join(names, " "); got != want || list.ResourceVersion == "" {
			t.Errorf("%s %s: %q, want %q", o.LabelSelector, o.FieldSelector, got, want)
		}
	}
}

func (s suite) conflicts(t *testing.T) {
	stale := s.made(t, "contested")
	// A controller may write the status between a read and a write: then one reads again.
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		fresh := s.get(t, "contested")
		fresh.Annotations = map[string]string{"by": "another"}
		_, err := s.client.AppsV1().Deployments(namespace).Update(t.Context(), fresh, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	stale.Annotations = map[string]string{"by": "me"}
	if _, err := s.client.AppsV1().Deployments(namespace).Update(t.Context(), stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("a stale update: %v", err)
	}
	if got := s.get(t, "contested").Annotations["by"]; got != "another" {
		t.Errorf("annotation by %s", got)
	}
}

func (s suite) generations(t *testing.T) {
	s.made(t, "counted")
	for _, step := range []struct {
		patch string
		want  int64
	}{
		{`{"metadata":{"annotations":{"a":"b"}}}`, 2}, // of a Deployment they count
		{`{"metadata":{"labels":{"a":"b"}}}`, 2},
		{`{"spec":{"minReadySeconds":3}}`, 3},
		{`{"spec":{"minReadySeconds":3}}`, 3},
	} {
		d, err := s.client.AppsV1().Deployments(namespace).Patch(t.Context(), "counted", types.MergePatchType, []byte(step.patch), metav1.PatchOptions{})
		if err != nil || d.Generation != step.want {
			t.Fatalf("after %s: generation %d, %v; want %d", step.patch, d.Generation, err, step.want)
		}
	}
}

func (s suite) patches(t *testing.T) {
	s.made(t, "patched")
	for _, p := range []struct {
		kind types.PatchType
		text string
		is   func(*appsv1.Deployment) bool
	}{
		{types.MergePatchType, `{"metadata":{"annotations":{"merge":"1","gone":"1"}}}`, func(d *appsv1.Deployment) bool { return d.Annotations["merge"] == "1" }},
		{types.MergePatchType, `{"metadata":{"annotations":{"gone":null}}}`, func(d *appsv1.Deployment) bool { _, there := d.Annotations["gone"]; return !there }},
		{types.JSONPatchType, `[{"op":"replace","path":"/spec/template/spec/containers/1/image","value":"side:2"}]`, func(d *appsv1.Deployment) bool {
			return d.Spec.Template.Spec.Containers[1].Image == "side:2"
		}},
		{types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"main:2"}]}}}}`, func(d *appsv1.Deployment) bool {
			c := d.Spec.Template.Spec.Containers // merged by name: the other one is still there
			return len(c) == 2 && c[0].Image == "main:2" && c[1].Image == "side:2"
		}},
	} {
		d, err := s.client.AppsV1().Deployments(namespace).Patch(t.Context(), "patched", p.kind, []byte(p.text), metav1.PatchOptions{})
		if err != nil || !p.is(d) {
			t.Errorf("%s %s: %v", p.kind, p.text, err)
		}
	}
	for kind, text := range map[types.PatchType]string{types.MergePatchType: `{"metadata":`, types.JSONPatchType: `[{"op":"test","path":"/metadata/name","value":"x"}]`} {
		if _, err := s.client.AppsV1().Deployments(namespace).Patch(t.Context(), "patched", kind, []byte(text), metav1.PatchOptions{}); err == nil {
			t.Errorf("%s %s is taken", kind, text)
		}
	}
}

func (s suite) scale(t *testing.T) {
	s.made(t, "scaled")
	d := s.client.AppsV1().Deployments(namespace)
	before, err := d.GetScale(t.Context(), "scaled", metav1.GetOptions{})
	if err != nil || before.Spec.Replicas != 0 || before.Status.Selector != "app=scaled" {
		t.Fatalf("%v %+v", err, before)
	}
	put := func(version string, replicas int) error {
		patch := fmt.Sprintf(`{"metadata":{"resourceVersion":%q},"spec":{"replicas":%d}}`, version, replicas)
		return s.client.AppsV1().RESTClient().Patch(types.MergePatchType).Namespace(namespace).Resource("deployments").Name("scaled").SubResource("scale").
			Body([]byte(patch)).Do(t.Context()).Error()
	}
	// A controller writes its status meanwhile, and each time the version is another: then one looks again.
	for err = put(before.ResourceVersion, 0); apierrors.IsConflict(err); err = put(before.ResourceVersion, 0) {
		if before, err = d.GetScale(t.Context(), "scaled", metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := put("1", 5); !apierrors.IsConflict(err) {
		t.Errorf("a stale scale: %v", err)
	}
	if err := put(s.get(t, "scaled").ResourceVersion, -1); !apierrors.IsInvalid(err) {
		t.Errorf("-1 replicas: %v", err)
	}
	if got := *s.get(t, "scaled").Spec.Replicas; got != 0 {
		t.Errorf("%d replicas", got)
	}
}

// next is a watch's next event about a Deployment of ours that is not merely another status.
func next(t *testing.T, w watch.Interface, last *appsv1.Deployment) (watch.EventType, *appsv1.Deployment) {
	t.Helper()
	for e := range w.ResultChan() {
		d, ok := e.Object.(*appsv1.Deployment)
		if !ok {
			t.Fatalf("%s %+v", e.Type, e.Object)
		}
		if e.Type != watch.Modified || last == nil || d.Annotations["step"] != last.Annotations["step"] {
			return e.Type, d
		}
	}
	t.Fatal("the watch ended")
	return "", nil
}

func (s suite) watchFromList(t *testing.T) {
	list, err := s.client.AppsV1().Deployments(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=watched"})
	if err != nil {
		t.Fatal(err)
	}
	s.made(t, "watched")
	s.made(t, "unwatched")
	w, err := s.client.AppsV1().Deployments(namespace).Watch(t.Context(), metav1.ListOptions{LabelSelector: "app=watched", ResourceVersion: list.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	kind, d := next(t, w, nil)
	if kind != watch.Added || d.Name != "watched" {
		t.Fatalf("%s %s", kind, d.Name)
	}
	patch := []byte(`{"metadata":{"annotations":{"step":"2"}}}`)
	if _, err := s.client.AppsV1().Deployments(namespace).Patch(t.Context(), "watched", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if kind, d = next(t, w, d); kind != watch.Modified || d.Annotations["step"] != "2" {
		t.Fatalf("%s %v", kind, d.Annotations)
	}
	s.remove(t, "watched")
	if kind, d = next(t, w, d); kind != watch.Deleted || d.Name != "watched" {
		t.Fatalf("%s %s", kind, d.Name)
	}
}

func (s suite) watchList(t *testing.T) {
	s.made(t, "first")
	o := metav1.ListOptions{LabelSelector: "app=first", SendInitialEvents: new(true), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: true}
	w, err := s.client.AppsV1().Deployments(namespace).Watch(t.Context(), o)
	if apierrors.IsInvalid(err) {
		t.Skip("this server wants to be asked for a list first, and says so as clients expect")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if kind, d := next(t, w, nil); kind != watch.Added || d.Name != "first" {
		t.Fatalf("%s %s", kind, d.Name)
	}
	kind, d := next(t, w, nil)
	for kind == watch.Modified {
		kind, d = next(t, w, nil)
	}
	if kind != watch.Bookmark || d.Annotations[metav1.InitialEventsAnnotationKey] != "true" || d.ResourceVersion == "" {
		t.Errorf("%s %+v", kind, d.ObjectMeta)
	}
}

func (s suite) deletion(t *testing.T) {
	d := s.made(t, "deleted")
	other := types.UID("00000000-0000-0000-0000-000000000000")
	deployments := s.client.AppsV1().Deployments(namespace)
	if err := deployments.Delete(t.Context(), d.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}}); !apierrors.IsConflict(err) {
		t.Errorf("with another's UID: %v", err)
	}
	if err := deployments.Delete(t.Context(), d.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &d.UID}}); err != nil {
		t.Fatal(err)
	}
	if err := deployments.Delete(t.Context(), d.Name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("deleted again: %v", err)
	}
}

func (s suite) leases(t *testing.T) {
	leases := s.client.CoordinationV1().Leases(namespace)
	lease, err := leases.Create(t.Context(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "suite"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: new("a")}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stale := lease.DeepCopy()
	lease.Spec.HolderIdentity = new("b")
	if _, err := leases.Update(t.Context(), lease, metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := leases.Update(t.Context(), stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("a stale lease: %v", err)
	}
	if err := leases.Delete(t.Context(), "suite", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

func (s suite) events(t *testing.T) {
	about := corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "suite-subject", Namespace: namespace}
	e, err := s.client.CoreV1().Events(namespace).Create(t.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "suite-"}, InvolvedObject: about, Type: corev1.EventTypeNormal, Reason: "Scaled", Message: "1→2",
	}, metav1.CreateOptions{})
	if err != nil || !strings.HasPrefix(e.Name, "suite-") || len(e.Name) == len("suite-") {
		t.Fatalf("%v %q", err, e.Name)
	}
	list, err := s.client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=suite-subject"})
	if err != nil || len(list.Items) != 1 || list.Items[0].Message != "1→2" {
		t.Errorf("%v %+v", err, list.Items)
	}
	if err := s.client.CoreV1().Events(namespace).Delete(t.Context(), e.Name, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

func (s suite) tables(t *testing.T) {
	s.made(t, "shown")
	text, err := s.client.AppsV1().RESTClient().Get().Namespace(namespace).Resource("deployments").Name("shown").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, c := range table.ColumnDefinitions {
		if c.Priority == 0 {
			columns = append(columns, c.Name)
		}
	}
	if got := strings.Join(columns, " "); got != "Name Ready Up-to-date Available Age" {
		t.Errorf("columns %s", got)
	}
	if len(table.Rows) != 1 || table.Rows[0].Cells[0] != "shown" || table.Rows[0].Cells[1] != "0/0" {
		t.Errorf("rows %s", text)
	}
}

func (s suite) refusals(t *testing.T) {
	nameless, unmatched, empty := deployment(""), deployment("unmatched"), deployment("empty")
	unmatched.Spec.Selector.MatchLabels = map[string]string{"app": "another"}
	empty.Spec.Template.Spec.Containers = nil
	for name, d := range map[string]*appsv1.Deployment{"no name": nameless, "a selector that does not match": unmatched, "no containers": empty, "a bad name": deployment("Bad_Name")} {
		if _, err := s.client.AppsV1().Deployments(namespace).Create(t.Context(), d, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.client.AppsV1().Deployments("no-such-namespace").Create(t.Context(), deployment("lost"), metav1.CreateOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("in a namespace that is not there: %v", err)
	}
}

func (s suite) discovery(t *testing.T) {
	lists, err := s.client.Discovery().ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, list := range lists {
		for _, r := range list.APIResources {
			found[list.GroupVersion+" "+r.Name] = true
		}
	}
	for _, want := range []string{"v1 pods", "v1 services", "v1 nodes", "v1 namespaces", "apps/v1 deployments", "coordination.k8s.io/v1 leases", "discovery.k8s.io/v1 endpointslices"} {
		if !found[want] {
			t.Errorf("no %s", want)
		}
	}
	if v, err := s.client.Discovery().ServerVersion(); err != nil || v.Major != "1" {
		t.Errorf("version %v, %v", v, err)
	}
}
