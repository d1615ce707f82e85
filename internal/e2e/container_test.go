package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"resnet-autoscaling/internal/node"
	"resnet-autoscaling/internal/process"

	"golang.org/x/sys/unix"
)

// containerVerb makes this program enter a container's root and become its program.
const containerVerb = "run-container"

// container is a program and the root it sees: the machine's programs and libraries, read-only, and its own mounts.
type container struct {
	Path   string
	Args   []string
	Mounts []node.Mount
	Source string // the repository, which it sees wherever that is
	Hosts  string // its /etc/hosts
	Root   string // an empty folder to mount it on
}

// containers are the agents' way to start programs: each in a root of its own, held to its limits by the launcher.
type containers struct {
	launcher            *process.Launcher
	source, hosts, root string
}

// Start runs a container.
func (c containers) Start(command node.Command) (node.Process, error) {
	what, err := json.Marshal(container{Path: command.Path, Args: command.Args, Mounts: command.Mounts, Source: c.source, Hosts: c.hosts, Root: c.root})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	started, err := c.launcher.Start(process.Command{
		Name: command.Name, Path: self, Args: []string{containerVerb, string(what)}, Env: command.Env, Dir: command.Dir, Output: command.Output,
		CPU: command.CPU, Memory: command.Memory,
	})
	if err != nil {
		return nil, err
	}
	return started, nil
}

// enterContainer does not return unless it failed.
func enterContainer(text string) error {
	runtime.LockOSThread() // a mount namespace is a thread's, until exec makes it the process's
	var c container
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	if err := c.makeRoot(); err != nil {
		return fmt.Errorf("make the container's root: %w", err)
	}
	if err := errors.Join(unix.Chroot(c.Root), os.Chdir("/")); err != nil {
		return fmt.Errorf("enter the container's root: %w", err)
	}
	return fmt.Errorf("run %s: %w", c.Path, syscall.Exec(c.Path, append([]string{c.Path}, c.arguments()...), os.Environ()))
}

// arguments are those of the manifest, and for Prometheus its pod's address: pods share one interface here, so nobody may listen at
// all addresses. Our own programs take theirs from the environment.
func (c container) arguments() []string {
	if filepath.Base(c.Path) == "prometheus" {
		return append(c.Args, "--web.listen-address="+os.Getenv("RESNET_LISTEN"))
	}
	return c.Args
}

// hidden are what a container has of its own, or not at all.
var hidden = map[string]bool{"etc": true, "run": true, "var": true, "tmp": true}

// shown of the machine's /etc is what programs and the C library need to start.
var shown = []string{"passwd", "group", "nsswitch.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl"}

func (c container) makeRoot() error {
	if left, err := os.ReadDir(c.Root); err != nil || len(left) > 0 {
		return fmt.Errorf("%s is not an empty folder: something is mounted or was written there (%v)", c.Root, err)
	}
	if err := errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("root", c.Root, "tmpfs", 0, "mode=755")); err != nil {
		return err
	}
	top, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, entry := range top {
		if !hidden[entry.Name()] {
			err = errors.Join(err, c.show("/"+entry.Name()))
		}
	}
	if top, _, _ := strings.Cut(c.Source[1:], "/"); hidden[top] {
		err = errors.Join(err, c.show(c.Source))
	}
	for _, name := range shown {
		err = errors.Join(err, c.show("/etc/"+name))
	}
	err = errors.Join(err, c.bind(c.Hosts, "/etc/hosts", true), os.MkdirAll(c.Root+"/run", 0o755), os.MkdirAll(c.Root+"/var", 0o755), os.Symlink("/run", c.Root+"/var/run"))
	for _, m := range c.Mounts {
		err = errors.Join(err, c.bind(m.Source, m.Target, m.ReadOnly))
	}
	return errors.Join(err, unix.Mount("", c.Root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
}

// makeFile makes an empty file to mount on. One that is there is left alone, with an error: it might be the machine's own.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// show lets the container see something of the machine at the same path, where the machine has it.
func (c container) show(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return errors.Join(err, os.MkdirAll(filepath.Dir(c.Root+path), 0o755), os.Symlink(to, c.Root+path))
	}
	return c.bind(path, path, false)
}

func (c container) bind(source, target string, readOnly bool) error {
	// /var/run is a link to /run, also for mounts.
	if rest, ok := strings.CutPrefix(target, "/var/run/"); ok {
		target = "/run/" + rest
	}
	at := filepath.Join(c.Root, target)
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(at, 0o755)
	} else {
		err = errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), makeFile(at))
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(source, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show %s at %s: %w", source, target, err)
	}
	if readOnly {
		return unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	}
	return nil
}
