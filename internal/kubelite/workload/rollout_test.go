package workload_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"resnet-autoscaling/internal/kubelite/workload"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func deployment(replicas int32, surge, unavailable intstr.IntOrString) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "d", Generation: 1},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable},
			},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "one"}}},
			},
		},
	}
}

func setReady(p *corev1.Pod, ready bool, at time.Time) {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(at)}}
}

// world plays the API and the node: it does what a plan says.
type world struct {
	d    *appsv1.Deployment
	pods []*corev1.Pod
	made int
	now  time.Time
}

func (w *world) step() workload.Rollout {
	w.now = w.now.Add(time.Second)
	r := workload.Plan(w.d, w.pods, w.now)
	for range r.Create {
		p := r.Pod.DeepCopy()
		w.made++
		p.Name = fmt.Sprint(p.GenerateName, w.made)
		p.CreationTimestamp = metav1.NewTime(w.now)
		p.Spec.NodeName = "n1"
		p.Status.Phase = corev1.PodPending
		w.pods = append(w.pods, p)
	}
	w.pods = slices.DeleteFunc(w.pods, func(p *corev1.Pod) bool { return slices.Contains(r.Remove, p) })
	w.d.Status = r.Status
	return r
}

func (w *world) count(is func(*corev1.Pod) bool) int {
	n := 0
	for _, p := range w.pods {
		if is(p) {
			n++
		}
	}
	return n
}

func (w *world) settle(t interface{ Fatalf(string, ...any) }) {
	for range 200 {
		r := w.step()
		for _, p := range w.pods {
			if !workload.Ready(p) {
				setReady(p, true, w.now)
			}
		}
		if r.Create == 0 && len(r.Remove) == 0 && r.Status.AvailableReplicas == *w.d.Spec.Replicas && r.Status.Conditions[1].Reason == "NewReplicaSetAvailable" {
			return
		}
	}
	t.Fatalf("it does not come to rest: %+v", w.d.Status)
}

// However pods become ready, lose it and die, a roll-out keeps its bounds, and comes to an end once they all become ready.
func TestARollOutKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		replicas, surge, unavailable := rapid.IntRange(0, 6).Draw(t, "replicas"), rapid.IntRange(0, 3).Draw(t, "surge"), rapid.IntRange(0, 3).Draw(t, "unavailable")
		w := &world{d: deployment(int32(replicas), intstr.FromInt(surge), intstr.FromInt(unavailable)), now: start}
		w.settle(t)
		if surge == 0 && unavailable == 0 {
			unavailable = 1
		}
		for range rapid.IntRange(1, 3).Draw(t, "templates") {
			w.d.Spec.Template.Spec.Containers[0].Image += "+"
			for range rapid.IntRange(0, 15).Draw(t, "steps") {
				if len(w.pods) > 0 {
					p := w.pods[rapid.IntRange(0, len(w.pods)-1).Draw(t, "pod")]
					setReady(p, rapid.IntRange(0, 3).Draw(t, "fate") > 0, w.now)
				}
				before := w.count(workload.Ready)
				w.step()
				if alive := len(w.pods); alive > replicas+surge {
					t.Fatalf("%d pods alive, at most %d + %d are allowed", alive, replicas, surge)
				}
				if after := w.count(workload.Ready); after < before && after < replicas-unavailable {
					t.Fatalf("from %d to %d available of %d with at most %d missing", before, after, replicas, unavailable)
				}
			}
		}
		w.settle(t)
		for _, p := range w.pods {
			if p.Spec.Containers[0].Image != w.d.Spec.Template.Spec.Containers[0].Image {
				t.Fatalf("pod %s still has image %s", p.Name, p.Spec.Containers[0].Image)
			}
		}
	})
}

func TestScaleDownTakesThePodsThatAreMissedLeast(t *testing.T) {
	w := &world{d: deployment(5, intstr.FromInt(1), intstr.FromInt(0)), now: start}
	w.settle(t)
	names := map[*corev1.Pod]string{w.pods[0]: "oldest, ready", w.pods[1]: "old, ready", w.pods[2]: "not ready", w.pods[3]: "young, ready", w.pods[4]: "no node"}
	for i, p := range w.pods {
		p.CreationTimestamp = metav1.NewTime(start.Add(time.Duration(i) * time.Minute))
	}
	setReady(w.pods[2], false, w.now)
	w.pods[4].Spec.NodeName = ""
	for _, want := range []string{"no node", "not ready", "young, ready", "old, ready", "oldest, ready"} {
		*w.d.Spec.Replicas--
		r := workload.Plan(w.d, w.pods, w.now)
		if len(r.Remove) != 1 || r.Create != 0 || names[r.Remove[0]] != want {
			t.Fatalf("with %d left, creates %d, removes %d, first %q: want %q", *w.d.Spec.Replicas, r.Create, len(r.Remove), names[r.Remove[0]], want)
		}
		w.step()
	}
}

func TestAFailedPodIsReplacedAndATerminatingOneCountsNoMore(t *testing.T) {
	w := &world{d: deployment(2, intstr.FromInt(1), intstr.FromInt(0)), now: start}
	w.settle(t)
	w.pods[0].Status.Phase = corev1.PodFailed
	w.pods[1].DeletionTimestamp = &metav1.Time{Time: w.now}
	r := workload.Plan(w.d, w.pods, w.now)
	if r.Create != 2 || len(r.Remove) != 1 || r.Remove[0] != w.pods[0] || r.Status.Replicas != 0 || *r.Status.TerminatingReplicas != 1 {
		t.Errorf("creates %d, removes %v, status %+v", r.Create, r.Remove, r.Status)
	}
}

func TestRecreateWaitsUntilTheOldOnesAreGone(t *testing.T) {
	w := &world{d: deployment(2, intstr.FromInt(1), intstr.FromInt(0)), now: start}
	w.settle(t)
	w.d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	w.d.Spec.Template.Spec.Containers[0].Image = "two"
	if r := workload.Plan(w.d, w.pods, w.now); r.Create != 0 || len(r.Remove) != 2 {
		t.Errorf("creates %d, removes %d: want the old ones gone first", r.Create, len(r.Remove))
	}
	w.pods[0].DeletionTimestamp = &metav1.Time{Time: w.now}
	if r := workload.Plan(w.d, w.pods[:1], w.now); r.Create != 0 {
		t.Errorf("creates %d while an old one still ends", r.Create)
	}
	if r := workload.Plan(w.d, nil, w.now); r.Create != 2 {
		t.Errorf("creates %d, want 2", r.Create)
	}
}

func TestAvailableOnlyAfterMinReadySeconds(t *testing.T) {
	w := &world{d: deployment(1, intstr.FromInt(1), intstr.FromInt(0)), now: start}
	w.d.Spec.MinReadySeconds = 10
	w.step()
	setReady(w.pods[0], true, start)
	for seconds, want := range map[time.Duration]int32{9: 0, 10: 1} {
		s := workload.Plan(w.d, w.pods, start.Add(seconds*time.Second)).Status
		if s.ReadyReplicas != 1 || s.AvailableReplicas != want {
			t.Errorf("after %d s: %d ready, %d available, want 1 and %d", seconds, s.ReadyReplicas, s.AvailableReplicas, want)
		}
	}
}

func TestConditionsAreDatedByTheirChange(t *testing.T) {
	w := &world{d: deployment(1, intstr.FromInt(1), intstr.FromInt(0)), now: start}
	first := w.step().Status
	second := w.step().Status
	setReady(w.pods[0], true, w.now)
	third := w.step().Status
	for i, c := range []struct {
		s                   appsv1.DeploymentStatus
		available, reason   string
		available0, reason0 time.Time
	}{
		{first, "False", "ReplicaSetUpdated", start.Add(time.Second), start.Add(time.Second)},
		{second, "False", "ReplicaSetUpdated", start.Add(time.Second), start.Add(time.Second)},
		{third, "True", "NewReplicaSetAvailable", start.Add(3 * time.Second), start.Add(3 * time.Second)},
	} {
		available, progressing := c.s.Conditions[0], c.s.Conditions[1]
		if string(available.Status) != c.available || progressing.Reason != c.reason || progressing.Status != corev1.ConditionTrue {
			t.Errorf("status %d: %+v", i, c.s.Conditions)
		}
		if !available.LastTransitionTime.Time.Equal(c.available0) || !progressing.LastUpdateTime.Time.Equal(c.reason0) {
			t.Errorf("status %d is dated %v and %v, want %v and %v", i, available.LastTransitionTime, progressing.LastUpdateTime, c.available0, c.reason0)
		}
	}
}
