package integration_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"resnet-autoscaling/internal/testkit"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	sigsyaml "sigs.k8s.io/yaml"
)

// What kustomize makes of deploy/, decoded strictly: a misspelt field is an error.
func TestDeploy(t *testing.T) {
	base, minikube := render(t, filepath.Join(testkit.Root(t), "deploy", "base")), render(t, filepath.Join(testkit.Root(t), "deploy", "overlays", "minikube"))
	whole := render(t, everything(t))
	t.Run("workloads", func(t *testing.T) { testWorkloads(t, base, minikube, whole) })
	t.Run("pods satisfy the restricted standard", func(t *testing.T) { testRestricted(t, whole) })
	t.Run("pods spread over nodes", func(t *testing.T) { testSpread(t, whole) })
	t.Run("what they name exists", func(t *testing.T) { testReferences(t, whole) })
	t.Run("rights", func(t *testing.T) { testRights(t, whole) })
	t.Run("services", func(t *testing.T) { testServices(t, whole) })
	t.Run("disruption budgets", func(t *testing.T) { testBudgets(t, minikube) })
	t.Run("network policies", func(t *testing.T) { testNetwork(t, whole) })
	t.Run("Prometheus keeps its data within its claim", func(t *testing.T) { testStorage(t, minikube) })
	t.Run("Prometheus scrapes what the contract names", func(t *testing.T) { testScrapes(t, minikube) })
	t.Run("all moves into another namespace", func(t *testing.T) { testNamespace(t, minikube, "default"); testNamespace(t, whole, elsewhere) })
}

// Each component also stands alone, beside a system that is there.
func TestDeployComponentsAlone(t *testing.T) {
	for dir, want := range map[string]string{"components/autoscaler": "autoscaler", "grafana": "grafana"} {
		objects := render(t, filepath.Join(testkit.Root(t), "deploy", dir))
		named[*appsv1.Deployment](t, objects, want)
		testNamespace(t, objects, "default")
	}
}

const elsewhere = "elsewhere"

// everything is a kustomization such as a user would write: all there is, in a namespace of its own.
func everything(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	deploy, err := filepath.Rel(dir, filepath.Join(testkit.Root(t), "deploy"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("namespace: %s\nresources: [%[2]s/overlays/minikube]\ncomponents: [%[2]s/components/autoscaler, %[2]s/grafana]\n", elsewhere, deploy)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func render(t *testing.T, dir string) []metav1.Object {
	t.Helper()
	var said bytes.Buffer
	kustomize := exec.Command(testkit.Kubectl(t), "kustomize", dir)
	kustomize.Stderr = &said
	out, err := kustomize.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("kubectl kustomize %s: %v\n%s", dir, err, said.String())
	}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []metav1.Object
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(out))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		o, _, err := strict.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		objects = append(objects, o.(metav1.Object))
	}
}

// all are the objects of a kind.
func all[T metav1.Object](objects []metav1.Object) (list []T) {
	for _, o := range objects {
		if o, ok := o.(T); ok {
			list = append(list, o)
		}
	}
	return list
}

func named[T metav1.Object](t *testing.T, objects []metav1.Object, name string) T {
	t.Helper()
	list := all[T](objects)
	i := slices.IndexFunc(list, func(o T) bool { return o.GetName() == name })
	if i < 0 {
		t.Fatalf("no %T %s", *new(T), name)
	}
	return list[i]
}

// same compares what is there, each thing in a line of text, with what has to be.
func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func testReferences(t *testing.T, objects []metav1.Object) {
	for _, d := range all[*appsv1.Deployment](objects) {
		pod := d.Spec.Template.Spec
		token := pod.AutomountServiceAccountToken != nil && *pod.AutomountServiceAccountToken
		if token != (pod.ServiceAccountName != "") {
			t.Errorf("%s: ServiceAccount %q, token mounted: %v", d.Name, pod.ServiceAccountName, token)
		}
		if token {
			named[*corev1.ServiceAccount](t, objects, pod.ServiceAccountName)
		}
		for _, v := range pod.Volumes {
			if v.PersistentVolumeClaim != nil {
				named[*corev1.PersistentVolumeClaim](t, objects, v.PersistentVolumeClaim.ClaimName)
			}
			if v.ConfigMap == nil {
				continue
			}
			m := named[*corev1.ConfigMap](t, objects, v.ConfigMap.Name)
			for _, item := range v.ConfigMap.Items {
				if _, ok := m.Data[item.Key]; !ok {
					t.Errorf("%s: ConfigMap %s has no %s", d.Name, m.Name, item.Key)
				}
			}
		}
	}
}

func testServices(t *testing.T, objects []metav1.Object) {
	got := map[string]string{}
	for _, s := range all[*corev1.Service](objects) {
		for _, p := range s.Spec.Ports {
			got[s.Name] += strings.TrimSpace(fmt.Sprintf("%s %d to %s %s %s", p.Name, p.Port, s.Spec.Selector["app"], p.TargetPort.String(), s.Spec.ClusterIP))
		}
		if !slices.ContainsFunc(all[*appsv1.Deployment](objects), func(d *appsv1.Deployment) bool {
			return maps.Equal(d.Spec.Template.Labels, s.Spec.Selector) && maps.Equal(d.Spec.Template.Labels, d.Spec.Selector.MatchLabels)
		}) {
			t.Errorf("%s selects the pods of no Deployment", s.Name)
		}
	}
	same(t, got, map[string]string{
		"resnet-inference":   "http 8000 to resnet http None", // headless: the dispatcher talks to each pod
		"dispatcher":         "http 8080 to dispatcher http",
		"prometheus-service": "http 9090 to prometheus http",
		"grafana":            "http 3000 to grafana http",
	})
}

func testBudgets(t *testing.T, objects []metav1.Object) {
	got := map[string]string{}
	for _, b := range all[*policyv1.PodDisruptionBudget](objects) {
		unhealthy := policyv1.IfHealthyBudget
		if b.Spec.UnhealthyPodEvictionPolicy != nil {
			unhealthy = *b.Spec.UnhealthyPodEvictionPolicy
		}
		got[b.Spec.Selector.MatchLabels["app"]] = fmt.Sprintf("unavailable %v available %v, %s", b.Spec.MaxUnavailable, b.Spec.MinAvailable, unhealthy)
	}
	same(t, got, map[string]string{
		"resnet":     "unavailable 1 available <nil>, AlwaysAllow",
		"dispatcher": "unavailable 1 available <nil>, AlwaysAllow",
	})
}

func testStorage(t *testing.T, objects []metav1.Object) {
	pod := named[*appsv1.Deployment](t, objects, "prometheus").Spec.Template.Spec
	want := []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus", "--storage.tsdb.retention.time=15d", "--storage.tsdb.retention.size=2GB"}
	if args := pod.Containers[0].Args; !slices.Equal(args, want) {
		t.Errorf("%q", args)
	}
	if pod.SecurityContext.FSGroup == nil || *pod.SecurityContext.FSGroup != *pod.SecurityContext.RunAsUser {
		t.Error("its volume is not its own to write")
	}
	mounts := map[string]string{}
	for _, m := range pod.Containers[0].VolumeMounts {
		mounts[m.Name] = m.MountPath
	}
	same(t, mounts, map[string]string{"config": "/etc/prometheus", "data": "/prometheus"})
	// A generated name, or another one, would leave the data behind at the next apply.
	claim := named[*corev1.PersistentVolumeClaim](t, objects, "prometheus")
	if size := claim.Spec.Resources.Requests[corev1.ResourceStorage]; size.String() != "5Gi" || !slices.Equal(claim.Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}) {
		t.Errorf("claim %v", claim.Spec)
	}
}

func testScrapes(t *testing.T, objects []metav1.Object) {
	maps := all[*corev1.ConfigMap](objects)
	if len(maps) != 1 || !strings.HasPrefix(maps[0].Name, "prometheus-config-") {
		t.Fatalf("%d ConfigMaps; one with a hash in its name is what rolls Prometheus out when it changes", len(maps))
	}
	var config struct {
		Rules []string `json:"rule_files"`
		Jobs  []struct {
			Name    string `json:"job_name"`
			Every   string `json:"scrape_interval"`
			Scheme  string `json:"scheme"`
			Path    string `json:"metrics_path"`
			Sources []struct {
				Role string `json:"role"`
			} `json:"kubernetes_sd_configs"`
		} `json:"scrape_configs"`
	}
	if err := sigsyaml.Unmarshal([]byte(maps[0].Data["prometheus.yml"]), &config); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, j := range config.Jobs {
		got[j.Name] = strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", j.Sources[0].Role, j.Scheme, j.Path, j.Every)), " ")
	}
	same(t, got, map[string]string{"resnet-pods": "pod", "dispatcher": "pod", "autoscaler": "pod", "cadvisor": "node https /metrics/cadvisor 10s"})
	for _, file := range config.Rules {
		if maps[0].Data[file] == "" {
			t.Errorf("no %s beside it", file)
		}
	}
	if len(config.Rules) == 0 {
		t.Error("no rules")
	}
}

// testNamespace: no object is left behind, and no subject of a binding.
func testNamespace(t *testing.T, objects []metav1.Object, want string) {
	var subjects []rbacv1.Subject
	for _, o := range objects {
		_, role := o.(*rbacv1.ClusterRole)
		clusterBinding, binding := o.(*rbacv1.ClusterRoleBinding)
		if b, ok := o.(*rbacv1.RoleBinding); ok {
			subjects = append(subjects, b.Subjects...)
		}
		if binding {
			subjects = append(subjects, clusterBinding.Subjects...)
		}
		if !role && !binding && o.GetNamespace() != want {
			t.Errorf("%T %s is in %q", o, o.GetName(), o.GetNamespace())
		}
	}
	for _, s := range subjects {
		if s.Namespace != want {
			t.Errorf("the rights of %s are given in %q", s.Name, s.Namespace)
		}
	}
}
