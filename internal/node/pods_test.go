package node_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"resnet-autoscaling/internal/node"
	"resnet-autoscaling/internal/testkit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestAPodRunsAndIsReadyWhenItSaysSo(t *testing.T) {
	t.Parallel()
	w := start(t)
	listens := func(s *corev1.PodSpec) {
		s.Containers[0].StartupProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
			TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http")},
		}}
	}
	w.create(t, podNamed("web", env("UNREADY", "1"), listens))
	p := w.until(t, "web", "started", func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) == 1 && *p.Status.ContainerStatuses[0].Started
	})
	s := p.Status.ContainerStatuses[0]
	if s.Ready || s.State.Running == nil || s.RestartCount != 0 || isReady(p) {
		t.Errorf("a container that runs and is not ready: %+v", s)
	}
	if ip, err := netip.ParseAddr(p.Status.PodIP); err != nil || !w.options.Pods.Contains(ip) || p.Status.PodIP == p.Status.HostIP {
		t.Errorf("the pod's address is %q, of %v, and the node's %q", p.Status.PodIP, w.options.Pods, p.Status.HostIP)
	}
	if !strings.Contains(ask(t, p, "GET", "/env"), "RESNET_LISTEN="+p.Status.PodIP+":18080") {
		t.Error("the container was not told where to listen")
	}
	ask(t, p, "POST", "/ready")
	p = w.until(t, "web", "ready", isReady)
	for _, kind := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodInitialized, corev1.PodScheduled} {
		if condition(p, kind) != corev1.ConditionTrue {
			t.Errorf("a ready pod's conditions are %+v", p.Status.Conditions)
		}
	}
	ask(t, p, "POST", "/unready")
	w.until(t, "web", "not ready any more", func(p *corev1.Pod) bool { return !isReady(p) })
}

func TestTheNodeSaysWhatItIs(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("web"))
	w.until(t, "web", "ready", isReady)
	n, err := w.client.CoreV1().Nodes().Get(t.Context(), nodeName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n.Status.Capacity.Cpu().String() != "4" || n.Status.Allocatable.Memory().String() != "4Gi" {
		t.Errorf("capacity %v, allocatable %v", n.Status.Capacity, n.Status.Allocatable)
	}
	lease, err := w.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), nodeName, metav1.GetOptions{})
	if err != nil || *lease.Spec.HolderIdentity != nodeName || lease.Spec.RenewTime == nil {
		t.Errorf("lease %+v (%v)", lease, err)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if n, err = w.client.CoreV1().Nodes().Get(t.Context(), nodeName, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if c := n.Status.Conditions[0]; c.Type != corev1.NodeReady || c.Status != corev1.ConditionFalse {
		t.Errorf("a node that has ended says %+v", n.Status.Conditions)
	}
}

func TestAKilledContainerComesBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("web"))
	p := w.until(t, "web", "ready", isReady)
	first := pid(t, p)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until(t, "web", "restarted", restarted(1))
	p = w.until(t, "web", "ready again", isReady)
	s := p.Status.ContainerStatuses[0]
	last := s.LastTerminationState.Terminated
	if s.RestartCount != 1 || pid(t, p) == first || last == nil || last.ExitCode != 137 || last.Signal != 9 || last.Reason != "Error" {
		t.Errorf("after kill -9: %+v", s)
	}
}

func TestAContainerThatFailsBacksOff(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("broken", as("fail:latest")))
	p := w.until(t, "broken", "in back-off", func(p *corev1.Pod) bool {
		return restarted(1)(p) && p.Status.ContainerStatuses[0].State.Waiting != nil &&
			p.Status.ContainerStatuses[0].State.Waiting.Reason == "CrashLoopBackOff"
	})
	s := p.Status.ContainerStatuses[0]
	if last := s.LastTerminationState.Terminated; last == nil || last.ExitCode != 3 || last.Reason != "Error" || p.Status.Phase != corev1.PodRunning {
		t.Errorf("a container that exits with 3: %s, %+v", p.Status.Phase, s)
	}
	w.until(t, "broken", "tried again", restarted(2))
	events, err := w.client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range events.Items {
		seen[e.Reason] = seen[e.Reason] || e.InvolvedObject.Name == "broken"
	}
	if !seen["Started"] || !seen["BackOff"] {
		t.Errorf("events %v, want Started and BackOff", seen)
	}
}

func TestAHungContainerIsRestarted(t *testing.T) {
	t.Parallel()
	w := start(t)
	probe := func(path string) *corev1.Probe {
		return &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 2, ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(18080)},
		}}
	}
	w.create(t, podNamed("web", func(s *corev1.PodSpec) {
		s.Containers[0].StartupProbe, s.Containers[0].LivenessProbe = probe("/readyz"), probe("/healthz")
	}))
	ask(t, w.until(t, "web", "ready", isReady), "POST", "/hang")
	p := w.until(t, "web", "restarted", restarted(1))
	if last := p.Status.ContainerStatuses[0].LastTerminationState.Terminated; last == nil || last.ExitCode != 0 {
		t.Errorf("it was asked to end and could: %+v", last)
	}
	w.until(t, "web", "ready again", isReady)
}

func TestADeletedPodEndsByItself(t *testing.T) {
	t.Parallel()
	w := start(t)
	file := filepath.Join(t.TempDir(), "told")
	w.create(t, podNamed("web", env("TELL", file)))
	p := w.until(t, "web", "ready", isReady)
	w.delete(t, "web", metav1.DeleteOptions{})
	w.until(t, "web", "gone", isGone)
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the container got no SIGTERM: %v", err)
	}
	if alive(pid(t, p)) {
		t.Error("the pod is gone and its process is not")
	}
	testkit.Eventually(t, "its log goes after it", func() bool {
		_, err := os.Stat(filepath.Join(w.options.LogDir, "default_web"))
		return os.IsNotExist(err)
	})
}

func TestAStubbornPodIsKilledWhenItsTimeIsUp(t *testing.T) {
	for name, o := range map[string]metav1.DeleteOptions{"grace": {GracePeriodSeconds: new(int64(1))}, "force": {GracePeriodSeconds: new(int64)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			file := filepath.Join(t.TempDir(), "told")
			w.create(t, podNamed("web", env("TELL", file), env("STUBBORN", "1")))
			p := w.until(t, "web", "ready", isReady)
			w.delete(t, "web", o)
			w.until(t, "web", "gone", isGone)
			testkit.Eventually(t, "the process is killed", func() bool { return !alive(pid(t, p)) })
			if _, err := os.Stat(file); err != nil {
				t.Errorf("the container was not asked first: %v", err)
			}
		})
	}
}

// The control plane calls the pods of a node unready that it has not heard of for a while. When the node is back it says otherwise.
func TestAReadyPodThatIsCalledUnreadyIsReadyAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("web"))
	p := w.until(t, "web", "ready", isReady)
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.PodReady {
			c.Status, c.LastTransitionTime = corev1.ConditionFalse, metav1.Now()
		}
	}
	called, err := w.client.CoreV1().Pods(namespace).UpdateStatus(t.Context(), p, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.until(t, "web", "ready again", func(p *corev1.Pod) bool { return isReady(p) && p.ResourceVersion != called.ResourceVersion })
}

func TestAPodThatIsDone(t *testing.T) {
	t.Parallel()
	w := start(t)
	never := func(s *corev1.PodSpec) { s.RestartPolicy = corev1.RestartPolicyNever }
	w.create(t, podNamed("good", as("finish:latest"), never))
	w.create(t, podNamed("bad", as("fail:latest"), never))
	p := w.until(t, "good", "succeeded", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	if s := p.Status.ContainerStatuses[0].State.Terminated; s == nil || s.Reason != "Completed" || isReady(p) {
		t.Errorf("a pod that is done: %+v", p.Status)
	}
	p = w.until(t, "bad", "failed", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed })
	if s := p.Status.ContainerStatuses[0].State.Terminated; s == nil || s.ExitCode != 3 {
		t.Errorf("a pod that has failed: %+v", p.Status)
	}
	w.delete(t, "good", metav1.DeleteOptions{})
	w.until(t, "good", "gone", isGone)
}

func TestTheEndOfTheNodeEndsItsPods(t *testing.T) {
	t.Parallel()
	w := start(t)
	file := filepath.Join(t.TempDir(), "told")
	w.create(t, podNamed("web", env("TELL", file)))
	p := w.until(t, "web", "ready", isReady)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if alive(pid(t, p)) {
		t.Error("the node has ended and its pod's process has not")
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the container got no SIGTERM: %v", err)
	}
	p = w.until(t, "web", "failed", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed })
	if p.Status.Reason != "Terminated" || isReady(p) {
		t.Errorf("after the node's end: %+v", p.Status)
	}
}

// A node whose agent was killed finds its pods again; what ran has ended with the old agent.
func TestANewAgentStartsThePodsAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	left := podNamed("web")
	left.Spec.NodeName = nodeName
	w.create(t, left)
	left.Status = corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "main", RestartCount: 2, ContainerID: "process://1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}}
	if _, err := w.client.CoreV1().Pods(namespace).UpdateStatus(t.Context(), left, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.startAgent(t)
	p := w.until(t, "web", "ready", isReady)
	s := p.Status.ContainerStatuses[0]
	if last := s.LastTerminationState.Terminated; s.RestartCount != 3 || last == nil || last.Reason != "ContainerStatusUnknown" {
		t.Errorf("a pod that was taken over: %+v", s)
	}
}

func TestWhatANodeCannotRunIsSaid(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, c := range map[string]struct {
		change  func(*corev1.PodSpec)
		reason  string
		message string
	}{
		"image": {func(s *corev1.PodSpec) { s.Containers[0].Image = "other:1" }, "ErrImageNeverPull", image},
		"volume": {func(s *corev1.PodSpec) {
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
		}, "CreateContainerConfigError", "/data"},
		"init": {func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{{Name: "first", Image: image}} }, "CreateContainerConfigError", "init containers"},
		"hook": {func(s *corev1.PodSpec) {
			s.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{}}
		}, "CreateContainerConfigError", "SIGTERM"},
		"probe": {func(s *corev1.PodSpec) {
			s.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
		}, "CreateContainerConfigError", "livenessProbe"},
		"secret": {func(s *corev1.PodSpec) {
			s.Containers[0].Env = []corev1.EnvVar{{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "k"}}}}
		}, "CreateContainerConfigError", "KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			w.create(t, podNamed(name, c.change))
			p := w.until(t, name, "refused", func(p *corev1.Pod) bool {
				return len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].State.Waiting.Reason == c.reason
			})
			if got := p.Status.ContainerStatuses[0].State.Waiting.Message; !strings.Contains(got, c.message) || p.Status.Phase != corev1.PodPending {
				t.Errorf("%s, %q; want it to name %q", p.Status.Phase, got, c.message)
			}
			w.delete(t, name, metav1.DeleteOptions{})
			w.until(t, name, "gone", isGone)
		})
	}
}

func TestAProgramThatCannotStart(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("absent", func(s *corev1.PodSpec) { s.Containers[0].Command = []string{"/not-there"} }))
	p := w.until(t, "absent", "in back-off", func(p *corev1.Pod) bool {
		return restarted(1)(p) && p.Status.ContainerStatuses[0].LastTerminationState.Terminated != nil
	})
	if last := p.Status.ContainerStatuses[0].LastTerminationState.Terminated; last.Reason != "StartError" || !strings.Contains(last.Message, "not-there") {
		t.Errorf("a program that is not there: %+v", last)
	}
}

func TestAPodWaitsForAnAddress(t *testing.T) {
	t.Parallel()
	// Of four addresses one is the node's, and the first and the last are left out.
	w := start(t, func(o *node.Options) { o.Pods = netip.PrefixFrom(o.Pods.Addr(), 30) })
	w.create(t, podNamed("first"))
	w.until(t, "first", "ready", isReady)
	w.create(t, podNamed("second"))
	w.until(t, "second", "told to wait", func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].State.Waiting.Reason == "NoAddress"
	})
	w.delete(t, "first", metav1.DeleteOptions{})
	w.until(t, "second", "ready", isReady)
}
