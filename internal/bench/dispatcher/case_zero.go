package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"resnet-autoscaling/internal/kubelite"
	"resnet-autoscaling/internal/summary"

	"k8s.io/client-go/rest"
)

const (
	earlyRequests = 100
	earlyFor      = 2 * time.Second // in which they are sent
)

// zero sends requests to a dispatcher that finds its replicas in a Kubernetes API, where there is none yet.
func (b *bench) zero(ctx context.Context, s *section) error {
	cluster, err := kubelite.New(kubelite.Options{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- cluster.Run(serving) }()
	all, err := b.early(ctx, cluster)
	stop()
	if err := errors.Join(err, <-served); err != nil {
		return err
	}
	answered := all.count(summary.OK)
	s.table = [][]string{{"requests", "answered", "failed", "waited (least)", "p50", "most"}, append([]string{fmt.Sprint(len(all)), fmt.Sprint(answered), all.failures()}, latencies(all, 0, 0.5, 1)...)}
	s.judge(answered == len(all), "requests answered", "all", "%d of %d", answered, len(all))
	s.note("The dispatcher watches EndpointSlices that name nobody. %d requests come within %v; %v after the first one, a replica does.", len(all), earlyFor, b.nobodyFor())
	return nil
}

// nobodyFor is how long there is no replica.
func (b *bench) nobodyFor() time.Duration { return b.lasts(6*time.Second, 2500*time.Millisecond) }

// early sends the requests while the first replica is on its way.
func (b *bench) early(ctx context.Context, cluster *kubelite.Server) (all outcomes, err error) {
	kubeconfig, err := cluster.Kubeconfig()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.dir, "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		return nil, err
	}
	p, err := b.open(ctx, dispatcher, role{flags: []string{"--kubeconfig", file}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	type came struct {
		fleet *fleet
		err   error
	}
	first := make(chan came, 1)
	time.AfterFunc(b.nobodyFor(), func() {
		f, err := b.firstReplica(ctx, cluster)
		first <- came{f, err}
	})
	all, err = traffic{
		urls: []string{p.url}, profile: constant(earlyRequests/earlyFor.Seconds(), earlyFor), even: true, timeout: 2 * callerWaits, picture: b.picture,
	}.run(ctx)
	replica := <-first
	if replica.fleet != nil {
		err = errors.Join(err, replica.fleet.stop())
	}
	return all, errors.Join(err, replica.err)
}

// firstReplica starts one and names it in an EndpointSlice.
func (b *bench) firstReplica(ctx context.Context, cluster *kubelite.Server) (*fleet, error) {
	f, err := b.fleet(ctx, equals(usual, 1))
	if err != nil {
		return nil, err
	}
	return f, nameReplica(ctx, cluster, f.hosts[0])
}

func nameReplica(ctx context.Context, cluster *kubelite.Server, address string) error {
	port, err := strconv.Atoi(portOf(address))
	if err != nil {
		return err
	}
	slice, err := json.Marshal(map[string]any{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata":  map[string]any{"name": "first", "labels": map[string]string{"kubernetes.io/service-name": "resnet-inference"}},
		"endpoints": []any{map[string]any{"addresses": []string{hostOf(address)}, "conditions": map[string]bool{"ready": true, "serving": true}, "targetRef": map[string]string{"kind": "Pod", "name": "first"}}},
		"ports":     []any{map[string]any{"name": "http", "port": port}},
	})
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(cluster.Config())
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cluster.Config().Host+"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", bytes.NewReader(slice))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("name the first replica: %s", resp.Status)
	}
	return nil
}
