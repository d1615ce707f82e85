package local

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// mirror shows a component to the API as a pod, as a kubelet shows the static pods that it runs without the API's doing: so Services
// and Prometheus find it as in a cluster.
type mirror struct {
	app    string
	listen netip.AddrPort
	client kubernetes.Interface
	probe  *http.Client
}

// run keeps the pod there, and ready while the component is, until ctx ends.
func (m *mirror) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		// Whatever failed is looked at again in a second; the pod shows what was seen last.
		_ = m.sync(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *mirror) sync(ctx context.Context) error {
	name := m.app + "-local"
	pod, err := m.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		pod, err = m.client.CoreV1().Pods(namespace).Create(ctx, m.pod(name), metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	ready := m.ready(ctx)
	if isReady(pod) == ready && pod.Status.PodIP != "" {
		return nil
	}
	pod.Status = m.status(ready, metav1.Now())
	_, err = m.client.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

func (m *mirror) pod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: namespace, Labels: map[string]string{"app": m.app},
			Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "local"},
		},
		Spec: corev1.PodSpec{
			NodeName:   "host", // no Node of the API: the agent has nothing to do with it
			Containers: []corev1.Container{{Name: m.app, Image: m.app + ":latest", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: int32(m.listen.Port())}}}},
		},
	}
}

func (m *mirror) status(ready bool, now metav1.Time) corev1.PodStatus {
	host := m.listen.Addr().String()
	condition := corev1.ConditionFalse
	if ready {
		condition = corev1.ConditionTrue
	}
	return corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: host, HostIP: host, PodIPs: []corev1.PodIP{{IP: host}}, StartTime: &now,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: condition, LastTransitionTime: now}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: m.app, Image: m.app + ":latest", Ready: ready, Started: &ready, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		}},
	}
}

// ready asks the component itself.
func (m *mirror) ready(ctx context.Context) bool {
	path := "/readyz"
	if m.app == "prometheus" {
		path = "/-/ready"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, httpURL(m.listen)+path, nil)
	if err != nil {
		return false
	}
	answer, err := m.probe.Do(request)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
