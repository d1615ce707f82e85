package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/figures"
	"resnet-autoscaling/internal/kubelite"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
)

const (
	endpoints   = 1000
	inSlice     = 100 // as Kubernetes fills them
	takenInPoll = 5 * time.Millisecond
	takenInMost = time.Minute
	ticks       = 15 * time.Second // three of the autoscaler's
)

// inCluster has a Kubernetes API while use runs, and tells it the kubeconfig.
func (b *bench) inCluster(ctx context.Context, use func(context.Context, *kubelite.Server, string) error) error {
	cluster, err := kubelite.New(kubelite.Options{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return err
	}
	kubeconfig, err := cluster.Kubeconfig()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- cluster.Run(serving) }()
	err = use(ctx, cluster, file)
	stop()
	return errors.Join(err, <-served)
}

// dispatcher: a thousand endpoints, found in the API and connected to.
func (b *bench) dispatcher(ctx context.Context, all *results) error {
	addresses, port, release, err := replicas(ctx)
	if err != nil {
		return err
	}
	defer release()
	return b.inCluster(ctx, func(ctx context.Context, cluster *kubelite.Server, kubeconfig string) error {
		empty, small, err := b.takeIn(ctx, kubeconfig, 0)
		if err != nil {
			return err
		}
		for i := 0; i < len(addresses); i += inSlice {
			if err := nameEndpoints(ctx, cluster, fmt.Sprintf("slice-%d", i), addresses[i:i+inSlice], port); err != nil {
				return err
			}
		}
		took, memory, err := b.takeIn(ctx, kubeconfig, endpoints)
		if err != nil {
			return err
		}
		all.plain("dispatcher: from its start until it is ready, without replicas", empty, "ms")
		all.plain("dispatcher: memory without replicas", small, "MB")
		all.atMost(fmt.Sprintf("dispatcher: from its start until it is connected to %d endpoints", endpoints), took, 500, "ms")
		all.atMost(fmt.Sprintf("dispatcher: memory with %d endpoints", endpoints), memory, 80, "MB")
		return nil
	})
}

// takeIn starts dispatchers, and waits until each is connected to n replicas.
func (b *bench) takeIn(ctx context.Context, kubeconfig string, n int) (took, memory []float64, err error) {
	for range starts {
		begin := time.Now()
		s, url, err := b.serve(ctx, 0, "/readyz", "dispatcher", "--kubeconfig="+kubeconfig, "--drain-delay=0s")
		if err != nil {
			return nil, nil, err
		}
		err = connected(ctx, url, n)
		took = append(took, figures.Milliseconds(time.Since(begin)))
		memory = append(memory, float64(s.Memory())/1e6)
		if err := errors.Join(err, s.Stop()); err != nil {
			return nil, nil, err
		}
	}
	return took, memory, nil
}

func connected(ctx context.Context, url string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, takenInMost)
	defer cancel()
	want := fmt.Sprintf("\ndispatcher_replicas{state=\"ready\"} %d\n", n)
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		if strings.Contains(string(text), want) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the dispatcher was not connected to %d replicas within %v", n, takenInMost)
		case <-time.After(takenInPoll):
		}
	}
}

// replicas answer as model servers do, each at an address of its own, all at one port.
func replicas(ctx context.Context) (addresses []string, port int, release func(), err error) {
	first, err := net.Listen("tcp", "127.77.0.0:0")
	if err != nil {
		return nil, 0, nil, err
	}
	port = first.Addr().(*net.TCPAddr).Port
	server := &http.Server{ReadHeaderTimeout: takenInMost, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.Capability{Slots: 1, CapacityRPS: 80, Load: -1}.Set(w.Header())
	})}
	var serving errgroup.Group
	release = func() { server.Close(); _ = serving.Wait() } // they end because they are closed
	listeners := []net.Listener{first}
	for i := 1; i < endpoints; i++ {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.77.%d.%d:%d", i/250, i%250, port))
		if err != nil {
			return nil, 0, nil, err
		}
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		serving.Go(func() error { return server.Serve(l) })
		addresses = append(addresses, l.Addr().(*net.TCPAddr).IP.String())
	}
	return addresses, port, release, nil
}

// nameEndpoints tells the API of endpoints.
func nameEndpoints(ctx context.Context, cluster *kubelite.Server, slice string, addresses []string, port int) error {
	var list []any
	for _, a := range addresses {
		list = append(list, map[string]any{
			"addresses": []string{a}, "conditions": map[string]bool{"ready": true, "serving": true}, "targetRef": map[string]string{"kind": "Pod", "name": "pod-" + a},
		})
	}
	return create(ctx, cluster, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", map[string]any{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata":  map[string]any{"name": slice, "labels": map[string]string{"kubernetes.io/service-name": "resnet-inference"}},
		"endpoints": list, "ports": []any{map[string]any{"name": "http", "port": port}},
	})
}

func create(ctx context.Context, cluster *kubelite.Server, path string, object any) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(cluster.Config())
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cluster.Config().Host+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("POST %s: %s", path, answer.Status)
	}
	return nil
}

// autoscaler: as one that finds nothing to scale. What it takes with a thousand replicas the end-to-end test measures.
func (b *bench) autoscaler(ctx context.Context, all *results) error {
	return b.inCluster(ctx, func(ctx context.Context, _ *kubelite.Server, kubeconfig string) error {
		var took, memory []float64
		for i := range starts {
			s, _, err := b.serve(ctx, 0, "/healthz", "autoscaler", "--kubeconfig="+kubeconfig, "--prometheus-url=http://127.0.0.1:1")
			if err != nil {
				return err
			}
			took = append(took, figures.Milliseconds(s.Started))
			if i == starts-1 {
				select {
				case <-time.After(ticks):
				case <-ctx.Done():
				}
				memory = append(memory, float64(s.Memory())/1e6)
			}
			if err := s.Stop(); err != nil {
				return err
			}
		}
		all.plain("autoscaler: from its start until it serves", took, "ms")
		all.plain("autoscaler: memory after three ticks, with nothing to scale", memory, "MB")
		return nil
	})
}
