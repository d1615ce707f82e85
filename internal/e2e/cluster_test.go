package e2e_test

import (
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/testkit"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	namespace       = "resnet"
	deployment      = "resnet-inference"
	prometheusImage = "prom/prometheus:v3.16.0"
)

var quiet = slog.New(slog.DiscardHandler)

// cluster is a control plane with two nodes, and Services that can be reached.
type cluster struct {
	master *controlPlane
	client kubernetes.Interface
	hosts  string // the containers' /etc/hosts
}

// emptied makes the run's folder anew, once.
var emptied sync.Once

// runDir is where everything of this run is kept, logs too; it stays until the next one.
func runDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(testkit.Root(t), ".cache", "e2e", "run")
	emptied.Do(func() {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil || strings.Contains(string(mounts), dir) {
			t.Fatalf("something is mounted in %s: it is not safe to empty (%v)", dir, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	})
	return dir
}

// startCluster has a namespace that admits only what the restricted Pod Security standard does, and a disk for Prometheus.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{hosts: filepath.Join(folder(t), "hosts")}
	if err := os.WriteFile(c.hosts, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c.master = startControlPlane(t)
	c.client = kubernetes.NewForConfigOrDie(c.master.config("admin"))
	running(t, "services", (&serviceProxy{client: c.client, hosts: c.hosts}).run)
	c.startNode(t, "node-a", "10.244.254.11", "10.244.1.0/24")
	c.startNode(t, "node-b", "10.244.254.12", "10.244.2.0/24")
	_, err := c.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.client.CoreV1().PersistentVolumes().Create(t.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "disk"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: folder(t, "disk")}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "both nodes are ready", func() bool {
		return strings.Count(c.kubectl(t, "get", "nodes"), " Ready ") == 2
	})
	return c
}

// logger writes a part's log into the run's folder.
func (c *cluster) logger(t *testing.T, name string) *slog.Logger {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(folder(t, "logs"), name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return slog.New(slog.NewTextHandler(file, nil))
}

// command is a program as a person runs it on a laptop: with a kubeconfig, and no way to the cluster but the API server.
func (c *cluster) command(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	p := exec.Command(path, args...)
	p.Dir = testkit.Root(t)
	p.Env = append(os.Environ(), "KUBECONFIG="+c.master.kubeconfig("admin"), "HOME="+folder(t, "home"))
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return p
}

func bin(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(testkit.Root(t), "bin", name)
}

// try runs kubectl and returns what it says, and whether it succeeded.
func (c *cluster) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := c.command(t, testkit.Kubectl(t), args...).CombinedOutput()
	return string(out), err
}

func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.try(t, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// rolledOut waits until a Deployment is as it should be.
func (c *cluster) rolledOut(t *testing.T, name string) {
	t.Helper()
	c.kubectl(t, "rollout", "status", "deployment/"+name, "--timeout=180s")
}

// replicas are how many the Deployment asks for, and how many are ready.
func (c *cluster) replicas(t *testing.T) (desired, ready int) {
	t.Helper()
	d, err := c.client.AppsV1().Deployments(namespace).Get(t.Context(), deployment, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return int(*d.Spec.Replicas), int(d.Status.ReadyReplicas)
}

// podIP is the address of a ready pod of an app, as soon as there is one: after an outage the control plane may call all pods unready
// until their nodes have said otherwise.
func (c *cluster) podIP(t *testing.T, app string) (address string) {
	t.Helper()
	testkit.Eventually(t, "a pod of "+app+" is ready", func() bool {
		list, err := c.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			if isReady(&list.Items[i]) {
				address = list.Items[i].Status.PodIP
			}
		}
		return address != ""
	})
	return address
}

func isReady(p *corev1.Pod) bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// load is a load test in the background, straight at the dispatcher's Service.
type load struct {
	*exec.Cmd
	out strings.Builder
}

func (c *cluster) startLoad(t *testing.T, args ...string) *load {
	t.Helper()
	address, err := serviceAddress(t.Context(), c.client, "dispatcher")
	if err != nil {
		t.Fatal(err)
	}
	l := &load{Cmd: c.command(t, bin(t, "loadtest"), append([]string{"--url=http://" + address + "/predict", "--images=" + photograph(t), "--slo=errors<=0%"}, args...)...)}
	l.Stdout, l.Stderr = &l.out, &l.out
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	return l
}

// lostNothing waits for the end of the load.
func (l *load) lostNothing(t *testing.T) {
	t.Helper()
	if err := l.Wait(); err != nil {
		t.Errorf("the load test: %v\n%s", err, l.out.String())
	}
}

var client = &http.Client{Timeout: 10 * time.Second}
