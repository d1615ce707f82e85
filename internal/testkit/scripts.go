package testkit

import (
	"errors"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/command"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptTimeout ends a script whose program does not end by itself: one that took a mistake for a setting, and serves.
const scriptTimeout = 3 * time.Minute

type scriptCommand = func(*testscript.TestScript, bool, []string)

// Scripts runs the scripts of testdata/script. Beside testscript's own commands they have
//
//	misused PROGRAM ARG…	the program must exit as a misused one does
//	garbled PROGRAM ARG…	each flag that the program's --help tells must refuse garbage, and so must its environment variable
func Scripts(t *testing.T, p testscript.Params) {
	t.Helper()
	p.Dir = "testdata/script"
	p.Deadline = time.Now().Add(scriptTimeout)
	own := p.Cmds
	p.Cmds = map[string]scriptCommand{"misused": misused, "garbled": garbled}
	maps.Copy(p.Cmds, own)
	testscript.Run(t, p)
}

func misused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: misused PROGRAM ARG…")
	}
	if code := exitCode(ts, args); code != command.ExitMisuse {
		ts.Fatalf("%s: exit code %d, want %d; it said: %s", strings.Join(args, " "), code, command.ExitMisuse, ts.ReadFile("stderr"))
	}
}

// garbage is no number, duration, size, name, address, URL or word that a flag could want, and no path that could be read or made.
const garbage = "/dev/null/garbage"

// flagLine is a flag in the text of --help.
var flagLine = regexp.MustCompile(`(?m)^ +(?:-., )?--(?:\[no-\])?([a-z0-9-]+)`)

func garbled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: garbled PROGRAM ARG…")
	}
	ts.Check(ts.Exec(args[0], append(args[1:], "--help")...))
	flags := flagLine.FindAllStringSubmatch(ts.ReadFile("stdout"), -1)
	if len(flags) < 4 {
		ts.Fatalf("--help tells only of %d flags", len(flags))
	}
	for _, match := range flags {
		name := "--" + match[1]
		if name == "--help" || name == "--version" {
			continue
		}
		refused(ts, append(slices.Clone(args), name+"="+garbage), name)
		variable := command.EnvName(name)
		refused(ts, append([]string{"env", variable + "=" + garbage}, args...), variable)
	}
}

// refused checks that the program refuses to run, and names whom it blames.
func refused(ts *testscript.TestScript, args []string, blamed string) {
	misused(ts, false, args)
	if said := ts.ReadFile("stderr"); !strings.Contains(said, blamed) {
		ts.Fatalf("%s does not blame %s: %s", strings.Join(args, " "), blamed, said)
	}
}

func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return command.ExitDone
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Fatalf("%s: %v", args[0], err)
	return 0
}
