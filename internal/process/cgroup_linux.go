package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const cgroupMount = "/sys/fs/cgroup"

// cgroups keeps each child in a control group of its own, below one folder that is the launcher's, in each of the hierarchies
// (version 2 has one for everything, version 1 one for each controller).
type cgroups struct {
	version string
	homes   []string // the launcher's folder in each hierarchy; CPU's first
	limits  func(c Command) map[string]string
}

// newCgroupV2 makes the launcher's folder as near to our own cgroup as the kernel lets us: a cgroup that holds processes cannot
// share out CPU, so mostly that is beside or above it.
func newCgroupV2(o Options) (limiter, error) {
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers")); err != nil {
		return nil, fmt.Errorf("cgroup v2: %w", err)
	}
	own, err := ownCgroup("")
	if err != nil {
		return nil, err
	}
	var errs []error
	for dir := own; ; dir = filepath.Dir(dir) {
		home, err := shareOutV2(filepath.Join(cgroupMount, dir), o.Name)
		if err == nil {
			return &cgroups{version: "cgroup v2", homes: []string{home}, limits: limitsV2}, nil
		}
		errs = append(errs, err)
		if dir == "/" {
			return nil, fmt.Errorf("cgroup v2: %w", errors.Join(errs...))
		}
	}
}

// shareOutV2 makes the launcher's folder in parent, able to limit the CPU of its children.
func shareOutV2(parent, name string) (string, error) {
	sweep(parent, name)
	// Refused where parent holds processes; harmless where it is done already.
	_ = writeFile(filepath.Join(parent, "cgroup.subtree_control"), "+cpu +memory")
	home, err := makeHome(parent, name)
	if err != nil {
		return "", err
	}
	if err := writeFile(filepath.Join(home, "cgroup.subtree_control"), "+cpu"); err != nil {
		return "", errors.Join(err, os.Remove(home))
	}
	_ = writeFile(filepath.Join(home, "cgroup.subtree_control"), "+memory") // best effort, as Command says
	weigh(home, "cpu.weight", 100)
	return home, nil
}

// weigh gives all children together the weight of as many programs as the machine has cores, as a kubelet does with all pods: where others
// are busy too, children would otherwise share what one program gets. usual is the weight of one.
func weigh(home, file string, usual int) {
	_ = writeFile(filepath.Join(home, file), strconv.Itoa(usual*runtime.NumCPU())) // best effort: quotas are kept all the same
}

func limitsV2(c Command) map[string]string {
	limits := map[string]string{}
	if c.CPU > 0 {
		limits["cpu.max"] = fmt.Sprintf("%d %d", quotaMicros(c.CPU), period.Microseconds())
	}
	if c.Memory > 0 {
		limits["memory.max"] = strconv.FormatInt(c.Memory, 10)
	}
	return limits
}

func newCgroupV1(o Options) (limiter, error) {
	groups := &cgroups{version: "cgroup v1", limits: limitsV1}
	for _, controller := range []string{"cpu", "memory"} {
		own, err := ownCgroup(controller)
		if err == nil {
			parent := filepath.Join(cgroupMount, controller, own)
			sweep(parent, o.Name)
			var home string
			if home, err = makeHome(parent, o.Name); err == nil {
				weigh(home, "cpu.shares", 1024)
				groups.homes = append(groups.homes, home)
				continue
			}
		}
		if controller == "cpu" {
			return nil, fmt.Errorf("cgroup v1: %w", err)
		}
	}
	return groups, nil
}

func limitsV1(c Command) map[string]string {
	limits := map[string]string{}
	if c.CPU > 0 {
		limits["cpu.cfs_period_us"] = strconv.FormatInt(period.Microseconds(), 10)
		limits["cpu.cfs_quota_us"] = strconv.FormatInt(quotaMicros(c.CPU), 10)
	}
	if c.Memory > 0 {
		limits["memory.limit_in_bytes"] = strconv.FormatInt(c.Memory, 10)
	}
	return limits
}

// quotaMicros is the share of a period; the kernel takes nothing below a millisecond.
func quotaMicros(cores float64) int64 {
	return max(1000, int64(cores*float64(period.Microseconds())))
}

// ownCgroup is this process' path in a v1 controller's hierarchy, or in v2's where controller is "".
func ownCgroup(controller string) (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("own cgroup: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, c := range strings.Split(parts[1], ",") {
			if c == controller {
				return parts[2], nil
			}
		}
	}
	return "", fmt.Errorf("own cgroup: no controller %q in /proc/self/cgroup", controller)
}

func homeName(name string, pid int) string { return name + "-" + strconv.Itoa(pid) }

func makeHome(parent, name string) (string, error) {
	home := filepath.Join(parent, homeName(name, os.Getpid()))
	if err := os.Mkdir(home, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return home, nil
}

// sweep removes the folders of launchers that are no more, and kills whom they left.
func sweep(parent, name string) {
	homes, _ := filepath.Glob(filepath.Join(parent, name+"-*"))
	for _, home := range homes {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(home), name+"-"))
		if err != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		groups, _ := filepath.Glob(filepath.Join(home, "*", "cgroup.procs"))
		for _, g := range groups {
			_ = removeGroup(filepath.Dir(g)) // not ours to report: the next sweep finds it again
		}
		_ = os.Remove(home)
	}
}

func (g *cgroups) method() string { return g.version }

func (g *cgroups) close() error {
	var errs []error
	for _, home := range g.homes {
		errs = append(errs, removeGroup(home))
	}
	return errors.Join(errs...)
}

func (g *cgroups) wrap(c Command, _ *exec.Cmd) (limit, error) {
	group := &cgroup{}
	limits := g.limits(c)
	for _, home := range g.homes {
		dir := filepath.Join(home, folder(c.Name))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(err, group.release())
		}
		group.dirs = append(group.dirs, dir)
	}
	for file, value := range limits {
		if err := group.set(file, value); err != nil {
			return nil, errors.Join(err, group.release())
		}
	}
	return group, nil
}

// cgroup is one child's control group: a folder in each hierarchy.
type cgroup struct{ dirs []string }

// set writes a limit where the hierarchy has it. A memory limit that no hierarchy has is not kept.
func (g *cgroup) set(file, value string) error {
	for _, dir := range g.dirs {
		path := filepath.Join(dir, file)
		if _, err := os.Stat(path); err == nil {
			return writeFile(path, value)
		}
	}
	if strings.HasPrefix(file, "memory.") {
		return nil
	}
	return fmt.Errorf("no %s in %s", file, g.dirs)
}

func (g *cgroup) hold(pid int) error {
	for _, dir := range g.dirs {
		err := writeFile(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid))
		if err != nil && !errors.Is(err, syscall.ESRCH) { // it has ended already: nothing to hold
			return err
		}
	}
	return nil
}

// broken looks for the line "oom_kill N" that the kernel keeps in memory.events (v2) and memory.oom_control (v1).
func (g *cgroup) broken() bool {
	for _, dir := range g.dirs {
		for _, file := range []string{"memory.events", "memory.oom_control"} {
			text, _ := os.ReadFile(filepath.Join(dir, file)) // most folders have neither
			for line := range strings.Lines(string(text)) {
				if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok && count != "0" {
					return true
				}
			}
		}
	}
	return false
}

func (g *cgroup) release() error {
	var errs []error
	for _, dir := range g.dirs {
		errs = append(errs, removeGroup(dir))
	}
	return errors.Join(errs...)
}

// removeGroup kills who is left in a group and removes it. The kernel needs a moment between a process' end and that of its
// membership, and says busy until then.
func removeGroup(dir string) error {
	var err error
	for range 50 {
		if err = os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for pid := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(pid); err == nil {
				_ = syscall.Kill(n, syscall.SIGKILL)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("remove cgroup: %w", err)
}

func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// folder makes a child's name fit to be one.
func folder(name string) string { return "child-" + strings.ReplaceAll(name, "/", "_") }
