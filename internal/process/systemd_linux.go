package process

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

// systemdRun asks the user's systemd for a scope with a CPU quota. systemd-run --scope becomes the program itself, so the child
// keeps its pid and stays ours.
type systemdRun struct{ path string }

func newSystemdRun(Options) (limiter, error) {
	path, err := exec.LookPath("systemd-run")
	if err != nil {
		return nil, fmt.Errorf("systemd-run: %w", err)
	}
	// Being installed does not mean that a user manager answers.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, path, "--user", "--scope", "--quiet", "-p", "CPUQuota=50%", "true").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("systemd-run --user: %w: %s", err, out)
	}
	return systemdRun{path: path}, nil
}

func (systemdRun) method() string { return "systemd-run" }
func (systemdRun) close() error   { return nil }

func (s systemdRun) wrap(c Command, program *exec.Cmd) (limit, error) {
	if c.CPU == 0 {
		return unlimited{}, nil
	}
	scope := []string{s.path, "--user", "--scope", "--quiet", "--collect", "-p", "CPUQuota=" + strconv.FormatFloat(c.CPU*100, 'f', -1, 64) + "%"}
	if c.Memory > 0 {
		scope = append(scope, "-p", "MemoryMax="+strconv.FormatInt(c.Memory, 10))
	}
	program.Path, program.Args = s.path, append(append(scope, "--"), program.Args...)
	return unlimited{}, nil
}

// unlimited is a child that nothing has to hold: it may take what it wants, or another program sees to it.
type unlimited struct{}

func (unlimited) hold(int) error { return nil }
func (unlimited) broken() bool   { return false }
func (unlimited) release() error { return nil }
