package e2e_test

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"resnet-autoscaling/internal/node"
	"resnet-autoscaling/internal/testkit"
)

// Nodes offer more CPU than this machine has: what pods ask for matters to the scheduler, and their limits are kept.
const (
	nodeCPU    = 4
	nodeMemory = 8 << 30
)

// startNode runs a node of our agent, with a range of addresses for its pods, against the real API server.
func (c *cluster) startNode(t *testing.T, name, address, pods string) {
	t.Helper()
	certificate, key := c.master.kubelets.issue(t, pkix.Name{CommonName: "system:node:" + name}, net.ParseIP(address))
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, name)
	agent, err := node.New(node.Options{
		Name: name, Config: c.master.config(name), Listen: address + ":10250", Pods: netip.MustParsePrefix(pods),
		Images: c.images(t), LogDir: filepath.Join(dir, "logs"), VolumeDir: filepath.Join(dir, "volumes"),
		TLS: pair, ClientCAs: c.master.kubelets.pool(),
		Processes: containers{launcher: newLauncher(t, "resnet-e2e-"+name), source: testkit.Root(t), hosts: c.hosts, root: folder(t, "root")},
		CPU:       nodeCPU, Memory: nodeMemory, Log: c.logger(t, name),
	})
	if err != nil {
		t.Fatal(err)
	}
	running(t, name, func(ctx context.Context) error {
		if err := agent.Run(ctx); err != nil {
			t.Logf("%s: %v", name, err) // such as a scrape that was cut off at the end
		}
		return nil
	})
}

// images are what the manifests' images are on this machine.
func (c *cluster) images(t *testing.T) map[string]node.Image {
	t.Helper()
	root := testkit.Root(t)
	path := "PATH=" + filepath.Join(root, "bin")
	return map[string]node.Image{
		"resnet-inference:latest": {Path: filepath.Join(root, "bin", "model-server"), Env: []string{
			path, "RESNET_MODEL=" + filepath.Join(root, "models", "resnet18-imagenette"), "RESNET_ONNXRUNTIME_LIB=" + testkit.ONNXRuntime(t),
		}},
		"dispatcher:latest": {Path: filepath.Join(root, "bin", "dispatcher"), Env: []string{path}},
		prometheusImage:     {Path: testkit.Prometheus(t)},
	}
}
