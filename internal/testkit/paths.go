// Package testkit helps tests: where the repository, its libraries and its tools are, and how its binaries are built and run.
package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"resnet-autoscaling/internal/jpeg"
)

// Root is the repository's root: the nearest folder upwards with a LICENSE beside its go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if exists(filepath.Join(dir, "LICENSE")) && exists(filepath.Join(dir, "go.mod")) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no repository above the working directory")
		}
		dir = up
	}
}

// ONNXRuntime is the path of libonnxruntime: $RESNET_ONNXRUNTIME_LIB, else the one that `make setup` put into .cache.
func ONNXRuntime(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("RESNET_ONNXRUNTIME_LIB"); path != "" {
		return path
	}
	return need(t, filepath.Join(Root(t), ".cache", "onnxruntime", "libonnxruntime.so"))
}

// Prometheus is the path of the real Prometheus server: the one that `make setup` built into .cache, else the one on PATH.
func Prometheus(t testing.TB) string {
	t.Helper()
	return cachedOr(t, "prometheus")
}

// Kubectl is the path of a current kubectl: the one that `make test` built into .cache, else the one on PATH.
func Kubectl(t testing.TB) string {
	t.Helper()
	return cachedOr(t, "kubectl")
}

// Promtool is the path of Prometheus' tool for rules: the one that `make test` built into .cache, else the one on PATH.
func Promtool(t testing.TB) string {
	t.Helper()
	return cachedOr(t, "promtool")
}

// cachedOr prefers the version that is pinned here to whatever the machine has.
func cachedOr(t testing.TB, name string) string {
	t.Helper()
	cached := filepath.Join(Root(t), ".cache", "bin", name)
	if exists(cached) {
		return cached
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return need(t, cached)
}

func need(t testing.TB, path string) string {
	t.Helper()
	if !exists(path) {
		t.Fatalf("%s is missing: run `make test` once, which puts it there", path)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TurboJPEG skips a test where the system has no libturbojpeg, which a user need not have; CI must.
func TurboJPEG(t testing.TB) *jpeg.Library {
	t.Helper()
	library, err := jpeg.Open("")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(library.Close)
	return library
}
