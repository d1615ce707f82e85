package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inside says that this process has the namespace already.
const inside = "RESNET_E2E_INSIDE"

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == containerVerb:
		fmt.Fprintln(os.Stderr, enterContainer(os.Args[2]))
		os.Exit(1)
	case os.Getenv(inside) == "":
		os.Exit(again())
	}
	// What containers mount stays in here, whatever goes wrong.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fmt.Fprintln(os.Stderr, "make the mounts private:", err)
		os.Exit(1)
	}
	if err := localRoutes(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// again runs this program with network and mounts of its own, and ends it with this one.
func again() int {
	runtime.LockOSThread() // the child ends with the thread that started it
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), inside+"=yes")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 { // whoever is not root may be it in a user namespace
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err := c.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.ExitCode()
	}
	fmt.Fprintf(os.Stderr, "a network namespace cannot be made here (it takes root, or user namespaces): %v\n", err)
	return 1
}

// localRoutes makes the ranges of pods, nodes and Services addresses of this namespace, all at once: each can be bound and reached.
func localRoutes() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	for _, r := range []string{podRange, serviceRange} {
		to, err := netlink.ParseIPNet(r)
		if err != nil {
			return err
		}
		route := &netlink.Route{LinkIndex: lo.Attrs().Index, Dst: to, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST}
		if err := netlink.RouteAdd(route); err != nil {
			return fmt.Errorf("make %s local: %w", r, err)
		}
	}
	return nil
}

// folder makes a folder of the run's own, anew.
func folder(t *testing.T, parts ...string) string {
	t.Helper()
	dir := filepath.Join(append([]string{runDir(t)}, parts...)...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
