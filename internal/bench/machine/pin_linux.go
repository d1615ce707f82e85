package machine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// PinLoad keeps this process on the last core that it may use, and leaves the first one to the servers.
func PinLoad() (Cores, error) {
	c, err := TwoCores()
	if err != nil {
		return c, err
	}
	runtime.GOMAXPROCS(1)
	return c, pinThreads(c.Load)
}

// UsableCores are the cores that this process may use.
func UsableCores() ([]int, error) {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return nil, fmt.Errorf("which cores may be used: %w", err)
	}
	var all []int
	for core := range len(may) * strconv.IntSize {
		if may.IsSet(core) {
			all = append(all, core)
		}
	}
	return all, nil
}

// TwoCores are the first and the last core that this process may use.
func TwoCores() (Cores, error) {
	all, err := UsableCores()
	if err != nil {
		return Cores{}, err
	}
	if len(all) < 2 {
		return Cores{}, errors.New("two cores are needed, one for the servers and one for the load: only one may be used here")
	}
	return Cores{Server: all[0], Load: all[len(all)-1]}, nil
}

// pinThreads moves every thread; one that is born meanwhile takes after its parent, so the second time finds it pinned.
func pinThreads(core int) error {
	var only unix.CPUSet
	only.Set(core)
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				continue
			}
			if err := unix.SchedSetaffinity(id, &only); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("keep this process on core %d: %w", core, err)
			}
		}
	}
	return nil
}

// Busy is how long a core has worked since the machine's start, for whomever.
func Busy(core int) time.Duration { return busy(fmt.Sprintf("cpu%d", core)) }

// Others is how long all cores have worked for others than this process and its children that have ended.
func Others() time.Duration {
	used := busy("cpu")
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var own unix.Rusage
		if unix.Getrusage(who, &own) == nil {
			used -= time.Duration(own.Utime.Nano() + own.Stime.Nano())
		}
	}
	return used
}

// busy is what a line of /proc/stat has counted, less what it calls idle.
func busy(line string) (sum time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(text)) {
		fields := strings.Fields(l)
		if len(fields) < 9 || fields[0] != line {
			continue
		}
		for i, field := range fields[1:9] { // user nice system idle iowait irq softirq steal: proc_stat(5)
			if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 3 && i != 4 {
				sum += time.Duration(n) * tick
			}
		}
	}
	return sum
}
