package workload_test

import (
	"testing"
	"time"

	"resnet-autoscaling/internal/kubelite/workload"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(name, cpu string, change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"disk": "ssd"}}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	n.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("1Gi"), corev1.ResourcePods: resource.MustParse("10"),
	}
	if change != nil {
		change(n)
	}
	return n
}

func pod(name, cpu, memory string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(start)}}
	p.Spec.Containers = []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
	}}}}
	if change != nil {
		change(p)
	}
	return p
}

func on(name string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Spec.NodeName = name } }

func TestSchedule(t *testing.T) {
	small := pod("p", "500m", "1Mi", nil)
	for name, c := range map[string]struct {
		pod    *corev1.Pod
		others []*corev1.Pod
		nodes  []*corev1.Node
		node   string
		why    string
	}{
		"the one with most CPU left": {small, []*corev1.Pod{pod("x", "3", "0", on("big"))}, []*corev1.Node{node("big", "4", nil), node("idle", "2", nil)}, "idle", ""},
		"exactly full":               {small, []*corev1.Pod{pod("x", "500m", "0", on("n"))}, []*corev1.Node{node("n", "1", nil)}, "n", ""},
		"what ended takes no room": {
			small,
			[]*corev1.Pod{pod("x", "1", "0", func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = "n", corev1.PodFailed })},
			[]*corev1.Node{node("n", "1", nil)},
			"n", "",
		},
		"what still ends does": {
			small,
			[]*corev1.Pod{pod("x", "1", "0", func(p *corev1.Pod) { p.Spec.NodeName, p.DeletionTimestamp = "n", &metav1.Time{Time: start} })},
			[]*corev1.Node{node("n", "1", nil)},
			"", "0/1 nodes are available: 1 Insufficient cpu.",
		},
		"no node":   {small, nil, nil, "", "no nodes available to schedule pods"},
		"not ready": {small, nil, []*corev1.Node{node("n", "1", func(n *corev1.Node) { n.Status.Conditions = nil })}, "", "0/1 nodes are available: 1 node(s) were not ready."},
		"cordoned":  {small, nil, []*corev1.Node{node("n", "1", func(n *corev1.Node) { n.Spec.Unschedulable = true })}, "", "0/1 nodes are available: 1 node(s) were unschedulable."},
		"memory":    {pod("p", "0", "2Gi", nil), nil, []*corev1.Node{node("n", "1", nil)}, "", "0/1 nodes are available: 1 Insufficient memory."},
		"selector": {
			pod("p", "0", "0", func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"disk": "tape"} }), nil,
			[]*corev1.Node{node("n", "1", nil)},
			"", "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
		},
		"each its reason": {
			small, nil,
			[]*corev1.Node{node("a", "100m", nil), node("b", "200m", nil), node("c", "1", func(n *corev1.Node) { n.Spec.Unschedulable = true })},
			"", "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.",
		},
		"pods": {
			small, nil,
			[]*corev1.Node{node("n", "1", func(n *corev1.Node) { n.Status.Allocatable[corev1.ResourcePods] = resource.MustParse("0") })},
			"", "0/1 nodes are available: 1 Too many pods.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bound, refused := workload.Schedule(append(c.others, c.pod), c.nodes)
			if bound[c.pod] != c.node || refused[c.pod] != c.why {
				t.Errorf("bound to %q, refused because %q; want %q, %q", bound[c.pod], refused[c.pod], c.node, c.why)
			}
		})
	}
}

func TestTheOldestPodComesFirstAndTakesItsRoom(t *testing.T) {
	late := pod("a", "600m", "0", func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(start.Add(time.Minute)) })
	early := pod("b", "600m", "0", nil)
	bound, refused := workload.Schedule([]*corev1.Pod{late, early}, []*corev1.Node{node("n", "1", nil)})
	if bound[early] != "n" || refused[late] == "" {
		t.Errorf("bound %v, refused %v", bound, refused)
	}
}

func TestARefusalIsTakenBackByABinding(t *testing.T) {
	p := pod("p", "0", "0", nil)
	workload.Refuse(p, "no room", start.Add(time.Second))
	workload.Refuse(p, "still no room", start.Add(2*time.Second))
	c := p.Status.Conditions[0]
	if c.Status != corev1.ConditionFalse || c.Reason != "Unschedulable" || c.Message != "still no room" || !c.LastTransitionTime.Time.Equal(start.Add(time.Second)) {
		t.Errorf("refused: %+v", c)
	}
	workload.Bind(p, "n", start.Add(3*time.Second))
	c = p.Status.Conditions[0]
	if p.Spec.NodeName != "n" || len(p.Status.Conditions) != 1 || c.Status != corev1.ConditionTrue || c.Message != "" || !c.LastTransitionTime.Time.Equal(start.Add(3*time.Second)) {
		t.Errorf("bound: %s, %+v", p.Spec.NodeName, p.Status.Conditions)
	}
}
