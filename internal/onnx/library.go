// Package onnx is the edge to ONNX Runtime: the shared library, a model's session, and slots that run it. It is the only package
// that links C.
//
// FindLibrary, LoadModel, Open and NewSlot lead from a path to a place of inference; a model's files are checked against their sums on the
// way. A Session has the weights once; as many Slots as there are cores run it at once, one goroutine each, in memory that they keep.
package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"resnet-autoscaling/internal/command"

	ort "github.com/yalue/onnxruntime_go"
)

// FindLibrary is the path of libonnxruntime: the one given, else the one that `make setup` put beside the binaries or into the
// working directory's .cache, else one that the system has. A given one that is not there is a *command.Misuse.
func FindLibrary(given string) (string, error) {
	if given != "" {
		if _, err := os.Stat(given); err != nil {
			return "", &command.Misuse{Flag: "--onnxruntime-lib", Value: given, Rule: fmt.Sprintf("must be libonnxruntime: %v", err)}
		}
		return given, nil
	}
	const cached = ".cache/onnxruntime/libonnxruntime.so"
	candidates := []string{cached}
	if self, err := os.Executable(); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(self), "..", cached))
	}
	for _, dir := range []string{"/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"} {
		candidates = append(candidates, filepath.Join(dir, "libonnxruntime.so"), filepath.Join(dir, "libonnxruntime.so.1"))
	}
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("libonnxruntime is in none of %s: run `make setup`, or install ONNX Runtime 1.24 or newer and name its library with --onnxruntime-lib",
		strings.Join(candidates, ", "))
}

var (
	libraryMu   sync.Mutex
	libraryPath string
)

// openLibrary loads the library, once in a process: ONNX Runtime has one environment.
func openLibrary(path string) error {
	libraryMu.Lock()
	defer libraryMu.Unlock()
	if ort.IsInitialized() {
		if path != libraryPath {
			return fmt.Errorf("libonnxruntime %s: this process has loaded %s already", path, libraryPath)
		}
		return nil
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("load %s: %w", path, err)
	}
	libraryPath = path
	return nil
}

// RuntimeVersion is the version of the loaded library.
func RuntimeVersion() string { return ort.GetVersion() }
