package process

import (
	"log/slog"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// period is the kernel's own CFS period: throttled processes then stutter as they would in a cluster.
const period = 100 * time.Millisecond

// dutyCycling stops and continues children in turn, where no cgroup may be made.
type dutyCycling struct{ log *slog.Logger }

func (dutyCycling) method() string { return "stop and continue" }
func (dutyCycling) close() error   { return nil }

func (d dutyCycling) wrap(c Command, _ *exec.Cmd) (limit, error) {
	if c.CPU == 0 {
		return unlimited{}, nil
	}
	return &dutyCycle{cores: c.CPU, stop: make(chan struct{})}, nil
}

// dutyCycle keeps one child's CPU time within its share: it stops the child when it has used more than it may by now, and lets it
// go on when time has caught up.
type dutyCycle struct {
	cores   float64
	stop    chan struct{}
	running sync.WaitGroup
}

func (d *dutyCycle) hold(pid int) error {
	d.running.Go(func() { d.cycle(pid) })
	return nil
}

func (d *dutyCycle) broken() bool { return false }

func (d *dutyCycle) release() error {
	close(d.stop)
	d.running.Wait()
	return nil
}

func (d *dutyCycle) cycle(pid int) {
	tick := time.NewTicker(period / 10)
	defer tick.Stop()
	account := dutyAccount{cores: d.cores, last: time.Now()}
	stopped := false
	for {
		select {
		case <-d.stop:
			return
		case now := <-tick.C:
			used, err := cpuTimeOf(pid)
			if err != nil {
				return // it ended
			}
			if over := account.over(now, used); over != stopped {
				stopped = over
				// The only failure is a child that has ended, which the next look at its CPU time sees.
				_ = syscall.Kill(-pid, map[bool]syscall.Signal{true: syscall.SIGSTOP, false: syscall.SIGCONT}[over])
			}
		}
	}
}

// dutyAccount is a child's balance of CPU time: credit comes with time, up to one period's worth, and use takes it away.
type dutyAccount struct {
	cores  float64
	last   time.Time
	used   time.Duration
	credit time.Duration
}

// over tells whether the child has used more than its share by now.
func (a *dutyAccount) over(now time.Time, used time.Duration) bool {
	earned := time.Duration(float64(now.Sub(a.last)) * a.cores)
	limit := time.Duration(float64(period) * a.cores)
	a.credit = min(a.credit+earned-(used-a.used), limit)
	a.last, a.used = now, used
	return a.credit < 0
}

// cpuTimeOf reads another process' CPU clock, whose id the kernel makes from its pid (clock_getcpuclockid(3)).
func cpuTimeOf(pid int) (time.Duration, error) {
	const processWide, scheduler = 0, 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|processWide|scheduler), &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}
