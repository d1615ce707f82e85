package process

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/testkit"

	"go.uber.org/goleak"
)

// The test binary is also the program that the tests run: its first argument says as what.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "spin":
			for n := 0; ; n++ {
				runtime.KeepAlive(n)
			}
		case "eat":
			var eaten [][]byte
			for {
				piece := bytes.Repeat([]byte{1}, 1<<20)
				eaten = append(eaten, piece)
				runtime.KeepAlive(eaten)
			}
		case "exit":
			code, _ := strconv.Atoi(os.Args[2])
			os.Exit(code)
		case "print-env":
			fmt.Println(strings.Join(os.Environ(), "\n"))
			os.Exit(0)
		case "parent":
			parent()
		}
	}
	goleak.VerifyTestMain(m)
}

// parent starts a child and waits to be killed.
func parent() {
	l, err := NewLauncher(Options{Name: os.Args[2], Log: quiet()})
	if err != nil {
		panic(err)
	}
	p, err := l.Start(Command{Name: "child", Path: self(), Args: []string{"spin"}, CPU: 0.1})
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	select {}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

func launcher(t *testing.T) *Launcher {
	t.Helper()
	l, err := NewLauncher(Options{Name: "resnet-test-" + strconv.Itoa(os.Getpid()), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func start(t *testing.T, l *Launcher, c Command) *Process {
	t.Helper()
	c.Path = self()
	p, err := l.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExitCodesAndSignals(t *testing.T) {
	l := launcher(t)
	p := start(t, l, Command{Name: "three", Args: []string{"exit", "3"}})
	<-p.Done()
	if code, signal := p.Exit(); code != 3 || signal != 0 {
		t.Errorf("exit 3 is code %d, signal %v", code, signal)
	}
	p = start(t, l, Command{Name: "killed", Args: []string{"spin"}})
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if code, signal := p.Exit(); code != -1 || signal != syscall.SIGTERM {
		t.Errorf("SIGTERM is code %d, signal %v", code, signal)
	}
	if err := p.Signal(syscall.SIGTERM); err == nil {
		t.Error("a process that has ended took a signal")
	}
	if _, err := l.Start(Command{Name: "absent", Path: "/nowhere/at-all"}); err == nil || !strings.Contains(err.Error(), "start absent") {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestNothingIsInherited(t *testing.T) {
	t.Setenv("SECRET", "1")
	l := launcher(t)
	var out testkit.Buffer
	p := start(t, l, Command{Name: "env", Args: []string{"print-env"}, Env: []string{"A=b"}, Output: &out})
	<-p.Done()
	if got := strings.TrimSpace(out.String()); got != "A=b" {
		t.Errorf("the child's environment is %q", got)
	}
}

// share is the CPU that a spinning child gets over 20 periods, in cores.
func share(t *testing.T, p *Process) float64 {
	t.Helper()
	from, err := p.CPUTime()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	time.Sleep(20 * period)
	to, err := p.CPUTime()
	if err != nil {
		t.Fatal(err)
	}
	return float64(to-from) / float64(time.Since(begin))
}

func TestCPULimitHolds(t *testing.T) {
	l := launcher(t)
	t.Log("limits are kept by", l.Method())
	p := start(t, l, Command{Name: "spin", Args: []string{"spin"}, CPU: 0.2})
	if got := share(t, p); got > 0.35 {
		t.Errorf("a child limited to 0.2 cores used %.2f", got)
	}
}

func TestMemoryLimitKills(t *testing.T) {
	l := launcher(t)
	groups, ok := l.limiter.(*cgroups)
	if !ok || (groups.version == "cgroup v1" && len(groups.homes) < 2) {
		t.Skip("no cgroup here limits memory; the limit is best effort")
	}
	p := start(t, l, Command{Name: "eat", Args: []string{"eat"}, Memory: 64 << 20})
	<-p.Done()
	if code, signal := p.Exit(); signal != syscall.SIGKILL || !p.OOMKilled() {
		t.Errorf("a child that ate more than it may: code %d, signal %v, out of memory %v", code, signal, p.OOMKilled())
	}
	p = start(t, l, Command{Name: "modest", Args: []string{"exit", "1"}, Memory: 64 << 20})
	<-p.Done()
	if p.OOMKilled() {
		t.Error("a child that failed by itself was out of memory")
	}
}

func TestUseIsToldWhileItRunsAndAfter(t *testing.T) {
	l := launcher(t)
	p := start(t, l, Command{Name: "spin", Args: []string{"spin"}, CPU: 0.2})
	var used time.Duration
	for used < 10*time.Millisecond {
		var err error
		if used, err = p.CPUTime(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := p.Memory(); err != nil || got < 1<<20 {
		t.Errorf("a running Go program has %d bytes resident (%v)", got, err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	// The two clocks of the kernel agree to a tick.
	if total, err := p.CPUTime(); err != nil || total < used-10*time.Millisecond {
		t.Errorf("in all it used %v (%v), but %v before it ended", total, err, used)
	}
	if got, err := p.Memory(); err != nil || got != 0 {
		t.Errorf("a process that has ended has %d bytes resident (%v)", got, err)
	}
}

func TestDutyCyclingHoldsToo(t *testing.T) {
	l := launcher(t)
	l.limiter = dutyCycling{log: quiet()}
	p := start(t, l, Command{Name: "spin", Args: []string{"spin"}, CPU: 0.2})
	if got := share(t, p); got > 0.4 {
		t.Errorf("a child limited to 0.2 cores used %.2f", got)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
}

func TestDutyAccount(t *testing.T) {
	t0 := time.Unix(0, 0)
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	a := dutyAccount{cores: 0.5, last: t0}
	for _, step := range []struct {
		ms, used int
		over     bool
	}{
		{10, 10, true},        // earned 5, used 10
		{20, 10, false},       // even
		{1000, 10, false},     // credit is bounded by one period's share,
		{1010, 70, true},      // so a long rest does not buy a long sprint
		{1040, 70, false},     //
		{1050, 71, false},     //
		{1060, 71 + 9, false}, // 1 over 0.5 × time, but on credit
	} {
		if got := a.over(at(step.ms), time.Duration(step.used)*time.Millisecond); got != step.over {
			t.Errorf("at %d ms, %d ms used: over is %v, want %v", step.ms, step.used, got, step.over)
		}
	}
}

func TestCloseKillsAndCleansUp(t *testing.T) {
	name := "resnet-test-close-" + strconv.Itoa(os.Getpid())
	l, err := NewLauncher(Options{Name: name, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, l, Command{Name: "spin", Args: []string{"spin"}, CPU: 0.1})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if code, signal := p.Exit(); signal != syscall.SIGKILL {
		t.Errorf("after Close: code %d, signal %v", code, signal)
	}
	if left := groupsOf(name); len(left) > 0 {
		t.Errorf("cgroups are left: %v", left)
	}
	if _, err := l.Start(Command{Name: "late", Path: self()}); err == nil {
		t.Error("a closed launcher started something")
	}
}

func groupsOf(name string) []string {
	var found []string
	for _, pattern := range []string{"*/" + name + "-*", name + "-*", "*/*/" + name + "-*"} {
		some, _ := filepath.Glob(filepath.Join(cgroupMount, pattern))
		found = append(found, some...)
	}
	return found
}

// Whatever kills us, kills them: there is no goodbye from kill -9.
func TestKilledParentLeavesNoOrphan(t *testing.T) {
	name := "resnet-test-orphan-" + strconv.Itoa(os.Getpid())
	program := exec.Command(self(), "parent", name)
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = program.Wait()
	testkit.Eventually(t, "the child ends with its parent", func() bool { return !alive(pid) })
	l, err := NewLauncher(Options{Name: name, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left := groupsOf(name); len(left) > 0 {
		t.Errorf("the next launcher left the killed one's cgroups: %v", left)
	}
}

// alive: running, not a zombie that nobody has waited for yet.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// Where others are busy too, children would otherwise share what one program gets.
func TestChildrenWeighAsMuchAsTheMachineHasCores(t *testing.T) {
	groups, ok := launcher(t).limiter.(*cgroups)
	if !ok {
		t.Skip("no cgroup may be made here")
	}
	for file, usual := range map[string]int{"cpu.shares": 1024, "cpu.weight": 100} {
		text, err := os.ReadFile(filepath.Join(groups.homes[0], file))
		if err != nil {
			continue // of the other version
		}
		if got, want := strings.TrimSpace(string(text)), strconv.Itoa(usual*runtime.NumCPU()); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
		return
	}
	t.Error("the children's group has no weight")
}
