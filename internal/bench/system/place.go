package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"resnet-autoscaling/internal/command"

	"golang.org/x/sys/unix"
)

// diskSize is that of the disk that the system has for its logs and Prometheus' data: small enough to be filled, and large enough for an hour.
const diskSize = "size=768m"

// place is the folder that the system runs in: the repository's, by links, with a model and a disk of its own, which may be broken.
type place struct {
	root, out string
	run       string         // where it runs
	disk      string         // its --dir
	read      map[string]int // how far each log was searched for refusals
	noDisk    error          // why there is no disk of its own to fill
}

func preparePlace(root, out string) (p *place, err error) {
	if root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	if out == "" {
		out = filepath.Join(root, "out", "soak")
	}
	p = &place{root: root, out: out, run: filepath.Join(out, "run"), disk: filepath.Join(out, "run", ".local"), read: map[string]int{}}
	for _, needed := range []string{"bin/local", "bin/model-server", "bin/dispatcher", "bin/autoscaler", "bin/loadtest", ".cache/bin/prometheus"} {
		if _, err := os.Stat(filepath.Join(root, needed)); err != nil {
			return nil, command.Check(false, "--root", root, fmt.Sprintf("must be a repository after make setup build: %v", err))
		}
	}
	return p, p.make()
}

func (p *place) make() error {
	_ = unix.Unmount(p.disk, unix.MNT_DETACH) // that of a run that was killed, if there was one
	if err := os.RemoveAll(p.out); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(p.disk, 0o755), os.Mkdir(filepath.Join(p.run, "bin"), 0o755)); err != nil {
		return err
	}
	p.noDisk = unix.Mount("tmpfs", p.disk, "tmpfs", 0, diskSize)
	for _, name := range []string{"deploy", "images", ".cache", "bin/local", "bin/model-server", "bin/dispatcher", "bin/loadtest"} {
		if err := os.Symlink(filepath.Join(p.root, name), filepath.Join(p.run, name)); err != nil {
			return err
		}
	}
	return os.CopyFS(filepath.Join(p.run, "models"), os.DirFS(filepath.Join(p.root, "models")))
}

// autoscaler makes the program that is started as autoscaler: the real one, which reaches Prometheus by a way that can be broken.
func (p *place) autoscaler(prometheus string) error {
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\" --prometheus-url=%s\n", filepath.Join(p.root, "bin", "autoscaler"), prometheus)
	return os.WriteFile(filepath.Join(p.run, "bin", "autoscaler"), []byte(script), 0o755)
}

// leave keeps the logs and removes the rest.
func (p *place) leave() error {
	err := os.CopyFS(filepath.Join(p.out, "logs"), os.DirFS(filepath.Join(p.disk, "logs")))
	if p.noDisk == nil {
		err = errors.Join(err, unix.Unmount(p.disk, unix.MNT_DETACH))
	}
	return errors.Join(err, os.RemoveAll(p.run))
}

// fill takes all that is left of the disk, until the file that it makes is removed.
func (p *place) fill() (free func() error, err error) {
	name := filepath.Join(p.disk, "full")
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		if _, err := file.Write(block[:size]); err != nil {
			size /= 2
		}
	}
	return func() error { return os.Remove(name) }, file.Close()
}
