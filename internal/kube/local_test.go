package kube_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/kube"
	"resnet-autoscaling/internal/kubelite"
	"resnet-autoscaling/internal/testkit"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// localAPI runs the local runtime's API and returns a way to it as users have it, by kubeconfig, and a client to look with.
func localAPI(t *testing.T) (*kube.Cluster, kubernetes.Interface) {
	t.Helper()
	server, err := kubelite.New(kubelite.Options{Listen: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Running(t, server.Run)
	text, err := server.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: path, UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(server.Config())
	if err != nil {
		t.Fatal(err)
	}
	return cluster, client
}

// create makes a Deployment of so many replicas.
func create(t *testing.T, client kubernetes.Interface, name string, replicas int32) {
	t.Helper()
	labels := map[string]string{"app": name}
	_, err := client.AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: name, Image: name}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func TestScaleAndEventOnTheLocalAPI(t *testing.T) {
	cluster, client := localAPI(t)
	create(t, client, "web", 2)
	d, err := cluster.Deployment("web")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Scale(t.Context(), 2, 4); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "4 pods", func() bool {
		fleet, err := d.Fleet(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return fleet.Replicas == 4 && len(fleet.Pods) == 4 && !fleet.RollingOut
	})
	watching, stopWatching := context.WithCancel(t.Context())
	defer stopWatching()
	ended := make(chan error)
	go func() { ended <- d.Watch(watching, slog.New(slog.DiscardHandler)) }()
	if err := d.Scale(t.Context(), 4, 1); err != nil {
		t.Fatal(err)
	}
	// With the watch, and without it again.
	for range 2 {
		testkit.Eventually(t, "1 pod", func() bool {
			fleet, err := d.Fleet(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return fleet.Replicas == 1 && len(fleet.Pods) == 1
		})
		stopWatching()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if other, err := d.OtherAutoscaler(t.Context()); err != nil || other != "" {
		t.Errorf("another autoscaler: %q, %v", other, err)
	}
	if err := d.Event(t.Context(), true, "Holding", "nothing to go by", time.Now()); err != nil {
		t.Fatal(err)
	}
	events, err := client.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=web"})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range events.Items {
		found = found || e.Reason == "Holding" && e.Type == corev1.EventTypeWarning && e.Message == "nothing to go by" && e.Source.Component == "autoscaler"
	}
	if !found {
		t.Errorf("the event is not among %+v", events.Items)
	}
}

func TestAWarningAboutTheServiceOfReplicas(t *testing.T) {
	cluster, client := localAPI(t)
	service, err := client.CoreV1().Services("default").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Name: "http", Port: 8000}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	endpoints, err := cluster.Endpoints("web", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	testkit.Running(t, func(ctx context.Context) error { return endpoints.Watch(ctx, func([]balance.Endpoint) {}) })
	// It can be written before anything is known, and names the very Service as soon as its slices tell which it is.
	testkit.Eventually(t, "an event about the service", func() bool {
		if err := endpoints.Warn(t.Context(), "ReadinessDisputed", "all are well"); err != nil {
			t.Fatal(err)
		}
		events, err := client.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=web"})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(events.Items, func(e corev1.Event) bool {
			return e.Reason == "ReadinessDisputed" && e.Type == corev1.EventTypeWarning && e.Message == "all are well" && e.Source.Component == "dispatcher" &&
				e.InvolvedObject.Kind == "Service" && e.InvolvedObject.UID == service.UID
		})
	})
}

func TestDecisionsAreToldOnceAndOnlyNewOnes(t *testing.T) {
	cluster, client := localAPI(t)
	create(t, client, "web", 0)
	create(t, client, "other", 0)
	begin := time.Now()
	write := func(name, text string, at time.Time) {
		t.Helper()
		d, err := cluster.Deployment(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Event(t.Context(), false, "Scaled", text, at); err != nil {
			t.Fatal(err)
		}
	}
	write("web", "of an hour ago", begin.Add(-time.Hour))
	write("other", "of another", begin)
	write("web", "1→2", begin)
	web, err := cluster.Deployment("web")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	told, ended := make(chan string, 10), make(chan error)
	go func() {
		ended <- web.Decisions(ctx, begin, func(at time.Time, decision string) {
			if at.Before(begin.Truncate(time.Second)) {
				t.Errorf("%s was told of %v", decision, at)
			}
			told <- decision
		})
	}()
	if got := <-told; got != "1→2" {
		t.Errorf("first told: %q", got)
	}
	write("web", "2→3", begin.Add(time.Second))
	if got := <-told; got != "2→3" {
		t.Errorf("then told: %q", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(told) != 0 {
		t.Errorf("also told: %q", <-told)
	}
}

// Whoever finds its Lease in another's hands stops, and has it again once that one's time is up.
func TestALeaderWhoseLeaseIsTakenStops(t *testing.T) {
	cluster, client := localAPI(t)
	type event struct{ what, who string }
	events := make(chan event, 10)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- cluster.Lead(ctx, "web-autoscaler", "first", func(holder string) { events <- event{"holder", holder} }, func(ctx context.Context) error {
			events <- event{"leads", "first"}
			<-ctx.Done()
			events <- event{"stops", "first"}
			return nil
		}, slog.New(slog.DiscardHandler))
	}()
	want := func(list ...event) {
		t.Helper()
		for _, w := range list {
			if got := <-events; got != w {
				t.Fatalf("%v, want %v", got, w)
			}
		}
	}
	want(event{"holder", "first"}, event{"leads", "first"})
	leases := client.CoordinationV1().Leases("default")
	testkit.Eventually(t, "the lease is taken", func() bool {
		lease, err := leases.Get(t.Context(), "web-autoscaler", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = new("intruder"), new(int32(1))
		_, err = leases.Update(t.Context(), lease, metav1.UpdateOptions{})
		return err == nil
	})
	want(event{"holder", "intruder"}, event{"stops", "first"}, event{"holder", "first"}, event{"leads", "first"})
	stop()
	want(event{"stops", "first"})
	if err := <-ended; err != nil {
		t.Error(err)
	}
	lease, err := leases.Get(t.Context(), "web-autoscaler", metav1.GetOptions{})
	if err != nil || *lease.Spec.HolderIdentity != "" {
		t.Errorf("the lease was not given back: %v %+v", err, lease.Spec)
	}
}

// One acts, the other stands by, and takes over when the first one gives the lease back.
func TestOnlyOneLeads(t *testing.T) {
	cluster, _ := localAPI(t)
	leading := make(chan string, 2)
	contest := func(name string) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- cluster.Lead(ctx, "web-autoscaler", name, func(string) {}, func(ctx context.Context) error {
				leading <- name
				<-ctx.Done()
				return nil
			}, slog.New(slog.DiscardHandler))
		}()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	stopFirst := contest("first")
	if got := <-leading; got != "first" {
		t.Fatalf("%s leads", got)
	}
	stopSecond := contest("second")
	defer stopSecond()
	select {
	case got := <-leading:
		t.Fatalf("%s leads too", got)
	case <-time.After(100 * time.Millisecond):
	}
	stopFirst()
	if got := <-leading; got != "second" {
		t.Fatalf("%s leads", got)
	}
}
