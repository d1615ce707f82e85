package local

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"resnet-autoscaling/internal/lifecycle"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
)

// Deployment is the name of the model servers' Deployment.
const Deployment = "resnet-inference"

// Service is the system on one machine.
type Service struct {
	o       Options
	files   files
	objects []runtime.Object
	client  kubernetes.Interface
	probe   *http.Client
}

// New checks the options and the manifests, and writes the kubeconfig. It starts nothing.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	objects, err := readManifests(o.Manifests)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Service{o: o, files: filesIn(dir), objects: objects, probe: &http.Client{Timeout: 3 * time.Second}}
	if err := s.files.write(o.API, o.Manifests); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", dir, err)
	}
	if s.client, err = kubernetes.NewForConfig(o.API.Config()); err != nil {
		return nil, fmt.Errorf("client of the local API: %w", err)
	}
	return s, nil
}

// Kubeconfig is the file that leads kubectl here.
func (s *Service) Kubeconfig() string { return s.files.kubeconfig }

// Run runs everything until ctx ends or use returns; use runs once the system is up. What depends on a part is stopped before the part.
func (s *Service) Run(ctx context.Context, use func(context.Context) error) error {
	parts := []lifecycle.Part{
		{Name: "api", Run: s.o.API.Run},
		{Name: "node", Run: s.o.Node.Run},
		{Name: "manifests", Run: func(ctx context.Context) error {
			if err := s.apply(ctx, s.client); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}},
	}
	for _, c := range s.components() {
		parts = append(parts, lifecycle.Part{Name: c.program.Name, Run: c.run})
	}
	for app, listen := range map[string]netip.AddrPort{"dispatcher": s.o.DispatcherListen, "autoscaler": s.o.AutoscalerListen, "prometheus": s.o.PrometheusListen} {
		m := &mirror{app: app, listen: listen, client: s.client, probe: s.probe}
		parts = append(parts, lifecycle.Part{Name: "mirror of " + app, Run: m.run})
	}
	parts = append(parts, lifecycle.Part{Name: "use", Run: func(ctx context.Context) error {
		if err := s.up(ctx); err != nil {
			return err
		}
		return use(ctx)
	}})
	return lifecycle.Run(ctx, parts...)
}

// components are the programs beside the pods.
func (s *Service) components() []*component {
	programs := []Program{
		{Name: "prometheus", Path: s.o.Prometheus, Args: []string{
			"--config.file=" + s.files.scrape, "--storage.tsdb.path=" + s.files.data, "--storage.tsdb.retention.time=1d",
			"--web.listen-address=" + s.o.PrometheusListen.String(),
		}},
		{Name: "dispatcher", Path: s.o.Dispatcher, Args: []string{"--listen=" + s.o.DispatcherListen.String(), "--kubeconfig=" + s.files.kubeconfig}},
		{Name: "autoscaler", Path: s.o.Autoscaler, Args: append([]string{
			"--listen=" + s.o.AutoscalerListen.String(), "--kubeconfig=" + s.files.kubeconfig,
			"--min-replicas=" + strconv.Itoa(s.o.Replicas), "--max-replicas=" + strconv.Itoa(s.o.MaxReplicas),
		}, s.o.AutoscalerArgs...)},
	}
	var list []*component
	for _, p := range programs {
		p.Env = s.o.Env
		list = append(list, &component{program: p, start: s.o.Start, logPath: filepath.Join(s.files.logs, p.Name+".log"), log: s.o.Log})
	}
	return list
}

// startTimeout is how long the system may take to come up on a slow machine.
const startTimeout = 2 * time.Minute

// up waits until every replica and every component is ready.
func (s *Service) up(ctx context.Context) error {
	deadline := time.Now().Add(startTimeout)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting := s.waiting(ctx)
		if waiting == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not up after %v: still waiting for %s; see %s", startTimeout, waiting, s.files.logs)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waiting names what is not ready yet; "" when all is.
func (s *Service) waiting(ctx context.Context) string {
	d, err := s.client.AppsV1().Deployments(namespace).Get(ctx, Deployment, metav1.GetOptions{})
	if err != nil || int(d.Status.ReadyReplicas) < s.o.Replicas {
		return "the replicas"
	}
	list, err := s.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app in (dispatcher,autoscaler,prometheus)"})
	if err != nil || len(list.Items) < 3 {
		return "the components"
	}
	for i := range list.Items {
		if !isReady(&list.Items[i]) {
			return list.Items[i].Labels["app"]
		}
	}
	return ""
}
