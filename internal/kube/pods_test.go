package kube

import (
	"testing"
	"time"

	"resnet-autoscaling/internal/scaling"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func runningPod(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	half := corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}}
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Resources: half}, {Name: "b", Resources: half}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, StartTime: &metav1.Time{Time: noon},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(time.Second))}},
		},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func TestWhatCountsOfAPod(t *testing.T) {
	ready := scaling.Pod{Name: "a", Ready: true, Started: noon, Since: noon.Add(time.Second)}
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		pods   []scaling.Pod
		cores  map[string]float64
	}{
		"one that runs":  {func(*corev1.Pod) {}, []scaling.Pod{ready}, map[string]float64{"a": 1}},
		"one that waits": {func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodPending} }, []scaling.Pod{{Name: "a", Pending: true}}, map[string]float64{"a": 1}},
		"one with a container that requests nothing": {
			func(p *corev1.Pod) { p.Spec.Containers[1].Resources = corev1.ResourceRequirements{} }, []scaling.Pod{ready}, map[string]float64{},
		},
		"one that is being deleted": {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: noon} }, nil, map[string]float64{}},
		"one that has failed":       {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, nil, map[string]float64{}},
		"one that is done":          {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, nil, map[string]float64{}},
	} {
		f := scaling.Fleet{CPURequests: map[string]float64{}}
		factsOf(runningPod("a", c.change)).addTo(&f)
		if diff := cmp.Diff(scaling.Fleet{Pods: c.pods, CPURequests: c.cores}, f); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is watched counts only once all has been told, and while every change is.
func TestPodsThatAreWatched(t *testing.T) {
	var w podWatch
	told := store[*corev1.Pod]{&w}
	want := func(when string, n int) {
		t.Helper()
		f := scaling.Fleet{CPURequests: map[string]float64{}}
		if known := w.addTo(&f); known != (n >= 0) || len(f.Pods) != max(n, 0) {
			t.Errorf("%s: known %v, %d pods; want %d", when, known, len(f.Pods), n)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const unknown = -1
	want("before anything", unknown)
	w.setWell(true)
	want("once the watch is open", unknown)
	do(told.Replace([]any{runningPod("a"), runningPod("b")}, "1"))
	want("once all are told", 2)
	do(told.Add(runningPod("c")))
	do(told.Update(runningPod("a", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })))
	want("one more, and one failed", 2)
	w.setWell(false)
	want("while the watch is broken", unknown)
	w.setWell(true)
	do(told.Delete(runningPod("c")))
	want("when it is back", 1)
	do(told.Replace(nil, "2"))
	want("none", 0)
	if told.Add(&corev1.Node{}) == nil {
		t.Error("a node is taken for a pod")
	}
}
