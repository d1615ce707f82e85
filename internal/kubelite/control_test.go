package kubelite_test

import (
	"strings"
	"testing"

	"resnet-autoscaling/internal/testkit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (c *cluster) pods(t *testing.T) []corev1.Pod {
	t.Helper()
	l, err := c.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l.Items
}

func TestADeploymentBecomesScheduledPods(t *testing.T) {
	c := start(t)
	c.addNode(t, "n1", "1")
	d, err := c.client.AppsV1().Deployments(namespace).Create(t.Context(), deployment("web", 5), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var bound, refused int
	testkit.Eventually(t, "four of five pods fit on one CPU at 250m each", func() bool {
		bound, refused = 0, 0
		for _, p := range c.pods(t) {
			for _, condition := range p.Status.Conditions {
				if condition.Type == corev1.PodScheduled && condition.Reason == corev1.PodReasonUnschedulable {
					refused++
				}
			}
			if p.Spec.NodeName == "n1" {
				bound++
			}
		}
		return bound == 4 && refused == 1
	})
	for _, p := range c.pods(t) {
		if !metav1.IsControlledBy(&p, d) || !strings.HasPrefix(p.Name, "web-"+p.Labels["pod-template-hash"]+"-") || p.Status.Phase != corev1.PodPending {
			t.Errorf("pod %s, owners %v, phase %s", p.Name, p.OwnerReferences, p.Status.Phase)
		}
	}
	if err := c.client.AppsV1().Deployments(namespace).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "what the Deployment owned is asked to end", func() bool {
		for _, p := range c.pods(t) {
			if p.DeletionTimestamp == nil {
				return false
			}
		}
		return len(c.pods(t)) == 4 // the one without a node is gone at once
	})
}
