package main

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

// usableCores are the cores that this process may use.
func usableCores() ([]int, error) {
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

// pinLoad keeps this process on the last core that it may use, and leaves the first one to the servers.
func pinLoad() (cores, error) {
	all, err := usableCores()
	if err != nil {
		return cores{}, err
	}
	if len(all) < 2 {
		return cores{}, errors.New("two cores are needed, one for the servers and one for the load: only one may be used here")
	}
	c := cores{server: all[0], load: all[len(all)-1]}
	runtime.GOMAXPROCS(1)
	return c, pinThreads(c.load)
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

// busy is how long a core has worked since the machine's start, for whomever.
func busy(core int) time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 9 || fields[0] != fmt.Sprintf("cpu%d", core) {
			continue
		}
		var sum time.Duration
		for i, field := range fields[1:9] { // user nice system idle iowait irq softirq steal: proc_stat(5)
			if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 3 && i != 4 {
				sum += time.Duration(n) * tick
			}
		}
		return sum
	}
	return 0
}
