package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/stage"
)

// installTimeout is for the largest: PyPI's torch brings 4 GB of CUDA.
const installTimeout = 30 * time.Minute

// simd is the fork of Pillow that resizes several times as fast. It has to be compiled, so it is used where that works.
const simd = "pillow-simd==12.1.1.post0"

// installer makes the peers' Python environments, once: each is made anew only when its requirements change.
type installer struct {
	w      workplace
	python string
	out    io.Writer
}

func (w workplace) python(peer string) string { return w.cache(peer, "bin/python") }

// install makes a peer's environment and returns what is measured in it, with versions.
func (i installer) install(ctx context.Context, peer string) (versions []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	wanted, err := os.ReadFile(i.w.peers(peer, "requirements.txt"))
	if err != nil {
		return nil, err
	}
	stamp := i.w.cache(peer, "requirements.txt")
	if have, err := os.ReadFile(stamp); err != nil || !bytes.Equal(have, wanted) {
		fmt.Fprintf(i.out, "Installing %s into .cache/bench/%[1]s …\n", peer)
		if err := i.make(ctx, peer); err != nil {
			return nil, err
		}
		if err := os.WriteFile(stamp, wanted, 0o644); err != nil {
			return nil, err
		}
	}
	return i.versions(peer, string(wanted)), nil
}

func (i installer) make(ctx context.Context, peer string) error {
	if err := os.RemoveAll(i.w.cache(peer)); err != nil {
		return err
	}
	if err := os.MkdirAll(i.w.cache(), 0o755); err != nil {
		return err
	}
	if err := i.run(ctx, peer, i.python, "-m", "venv", i.w.cache(peer)); err != nil {
		return err
	}
	if err := i.run(ctx, peer, i.w.python(peer), "-m", "pip", "install", "--no-input", "--only-binary=:all:", "-r", i.w.peers(peer, "requirements.txt")); err != nil {
		return err
	}
	return i.speedUp(ctx, peer)
}

// speedUp replaces Pillow by its fast fork in peers that resize with it as they like: all but the original. Without a compiler or the
// headers of libjpeg and zlib there is none, and Pillow stays.
func (i installer) speedUp(ctx context.Context, peer string) error {
	if peer == original {
		return nil
	}
	wheels := i.w.cache("wheels")
	found, _ := filepath.Glob(filepath.Join(wheels, "pillow_simd-*.whl")) // the pattern is right
	if len(found) == 0 {
		err := i.run(ctx, peer, "env", "CC=cc "+vectorFlags(), i.w.python(peer), "-m", "pip", "wheel", "--no-deps", "--no-cache-dir", "--wheel-dir", wheels, simd)
		if err != nil {
			fmt.Fprintf(i.out, "pillow-simd cannot be built here, so the Python peers resize with Pillow: %v\n", err)
			return ctx.Err()
		}
		found, _ = filepath.Glob(filepath.Join(wheels, "pillow_simd-*.whl"))
	}
	if err := i.run(ctx, peer, i.w.python(peer), "-m", "pip", "uninstall", "--yes", "pillow"); err != nil {
		return err
	}
	return i.run(ctx, peer, i.w.python(peer), "-m", "pip", "install", "--no-deps", found[0])
}

// vectorFlags are for pillow-simd, which uses AVX2 only when it is compiled with it.
func vectorFlags() string {
	if cpu, err := os.ReadFile("/proc/cpuinfo"); err == nil && bytes.Contains(cpu, []byte(" avx2 ")) {
		return "-mavx2"
	}
	return ""
}

// versions are the packages of the first paragraph of a requirements file, and the Pillow that is there in fact.
func (i installer) versions(peer, requirements string) []string {
	var versions []string
	first, _, _ := strings.Cut(requirements, "\n\n")
	for line := range strings.Lines(first) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			versions = append(versions, strings.Replace(line, "==", " ", 1))
		}
	}
	fast, _ := filepath.Glob(i.w.cache(peer, "lib/python*/site-packages/pillow_simd-*"))
	for n, v := range versions {
		if strings.HasPrefix(v, "pillow ") && len(fast) > 0 {
			versions[n] = strings.Replace(simd, "==", " ", 1)
		}
	}
	return versions
}

// weights makes the original's weights of the product's model.
func (i installer) weights(ctx context.Context) error {
	return i.run(ctx, original, i.w.python(original), i.w.peers(original, "weights.py"), i.w.model, i.w.cache(original, "weights.pt"))
}

// run runs a step; its output goes to a log beside the environment, and its last line into the error.
func (i installer) run(ctx context.Context, peer string, args ...string) error {
	var output bytes.Buffer
	step := exec.CommandContext(ctx, args[0], args[1:]...)
	step.Stdout, step.Stderr, step.WaitDelay = &output, &output, 5*time.Second
	step.Env = append(os.Environ(), "PIP_DISABLE_PIP_VERSION_CHECK=1")
	err := step.Run()
	log, openErr := os.OpenFile(i.w.cache(peer+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	_, writeErr := fmt.Fprintf(log, "$ %s\n%s\n", strings.Join(args, " "), output.Bytes())
	if writeErr = errors.Join(writeErr, log.Close()); writeErr != nil {
		return errors.Join(err, writeErr)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s (see .cache/bench/%s.log)", filepath.Base(args[0]), err, stage.LastLine(output.String()), peer)
	}
	return nil
}
