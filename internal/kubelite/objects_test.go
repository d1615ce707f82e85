package kubelite_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

func TestServiceLifeThroughATypedClient(t *testing.T) {
	c := start(t)
	api := c.client.CoreV1().Services(namespace)
	made, err := api.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "web-"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Name) != len("web-")+5 || made.UID == "" || made.CreationTimestamp.IsZero() || made.Spec.Ports[0].TargetPort.IntValue() != 80 {
		t.Errorf("created %+v: name, uid, time or defaults are missing", made)
	}
	if _, err := api.Create(t.Context(), made, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("created twice: %v", err)
	}
	changed := made.DeepCopy()
	changed.Spec.Ports[0].Port = 81
	if changed, err = api.Update(t.Context(), changed, metav1.UpdateOptions{}); err != nil || changed.Spec.Ports[0].Port != 81 {
		t.Fatalf("update: %v, %+v", err, changed)
	}
	if _, err := api.Update(t.Context(), made, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("update of an old version: %v, want a conflict", err)
	}
	again, err := api.Update(t.Context(), changed.DeepCopy(), metav1.UpdateOptions{})
	if err != nil || again.ResourceVersion != changed.ResourceVersion {
		t.Errorf("an update that changes nothing made version %s of %s: %v", again.ResourceVersion, changed.ResourceVersion, err)
	}
	if err := api.Delete(t.Context(), made.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Get(t.Context(), made.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("get after delete: %v", err)
	}
}

func TestEachPatchLanguage(t *testing.T) {
	c := start(t)
	api := c.client.AppsV1().Deployments(namespace)
	if _, err := api.Create(t.Context(), deployment("web", 0), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for kind, text := range map[types.PatchType]string{
		types.JSONPatchType:           `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"json"}]`,
		types.MergePatchType:          `{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"merge"}]}}}}`,
		types.StrategicMergePatchType: `{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"strategic"},{"name":"second","image":"more"}]}}}}`,
	} {
		t.Run(string(kind), func(t *testing.T) {
			before, err := api.Get(t.Context(), "web", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			d, err := api.Patch(t.Context(), "web", kind, []byte(text), metav1.PatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if d.Spec.Template.Spec.Containers[0].Image == before.Spec.Template.Spec.Containers[0].Image || d.Generation != before.Generation+1 {
				t.Errorf("image %s, generation %d of %d", d.Spec.Template.Spec.Containers[0].Image, d.Generation, before.Generation)
			}
		})
	}
	_, err := api.Patch(t.Context(), "web", types.ApplyPatchType, []byte(`{}`), metav1.PatchOptions{FieldManager: "x"})
	if !apierrors.IsUnsupportedMediaType(err) {
		t.Errorf("server-side apply: %v, want 415", err)
	}
	_, err = api.Patch(t.Context(), "web", types.MergePatchType, []byte(`{"metadata":{"resourceVersion":"1"}}`), metav1.PatchOptions{})
	if !apierrors.IsConflict(err) {
		t.Errorf("a patch of an old version: %v, want a conflict", err)
	}
}

func TestWatchSeesWhatItsSelectorSees(t *testing.T) {
	c := start(t)
	api := c.client.CoreV1().Services(namespace)
	w, err := api.Watch(t.Context(), metav1.ListOptions{LabelSelector: "tier=front"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	label := func(name, tier string) {
		t.Helper()
		patch := fmt.Sprintf(`{"metadata":{"labels":{"tier":%q}}}`, tier)
		if _, err := api.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	if _, err := api.Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	label("a", "front")
	if _, err := api.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"metadata":{"annotations":{"x":"y"}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	label("a", "back")
	label("a", "front")
	if err := api.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for i, want := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted, watch.Added, watch.Deleted} {
		e := <-w.ResultChan()
		var revision int64
		if _, err := fmt.Sscan(e.Object.(*corev1.Service).ResourceVersion, &revision); err != nil || revision <= last || e.Type != want {
			t.Errorf("event %d is %s at %d after %d, want %s: %v", i, e.Type, revision, last, want, err)
		}
		last = revision
	}
}
