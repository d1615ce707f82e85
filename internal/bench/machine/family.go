package machine

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Member is a process of a server: the one that was started, or one that descends from it.
type Member struct {
	PID    int
	parent int
	dead   bool   // it has ended, and waits for its parent to take note
	born   uint64 // in clock ticks since the machine's start: tells a process from a later one with its id
	cpu    time.Duration
}

// tick is the unit of /proc's times; it is the same on all Linux machines that Go runs on.
const tick = time.Second / 100

// Family is a process and all its descendants, the process first.
func Family(pid int) []Member {
	children := map[int][]Member{}
	root := Member{PID: pid}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, path := range stats {
		m, ok := readMember(path)
		if !ok {
			continue
		}
		if m.PID == pid {
			root = m
		}
		children[m.parent] = append(children[m.parent], m)
	}
	all := []Member{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].PID]...)
	}
	return all
}

// readMember reads a stat file as proc_pid_stat(5) has it. A process that ended meanwhile is none.
func readMember(path string) (Member, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Member{}, false
	}
	pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
	name := bytes.LastIndexByte(text, ')') // the name in front may hold anything
	fields := strings.Fields(string(text[name+1:]))
	if err != nil || len(fields) < 20 {
		return Member{}, false
	}
	number := func(field int) uint64 {
		n, _ := strconv.ParseUint(fields[field-3], 10, 64) // the kernel writes numbers
		return n
	}
	return Member{PID: pid, dead: fields[0] == "Z", parent: int(number(4)), born: number(22), cpu: time.Duration(number(14)+number(15)) * tick}, true
}

// Alive tells whether the process still runs: not another one that has its id now.
func (m Member) Alive() bool {
	now, ok := readMember(filepath.Join("/proc", strconv.Itoa(m.PID), "stat"))
	return ok && now.born == m.born && !now.dead
}

// Is tells whether two are the same process, seen at different times.
func (m Member) Is(other Member) bool { return m.PID == other.PID && m.born == other.born }

// Kill ends a process that is still the one it was.
func (m Member) Kill() {
	if m.Alive() {
		_ = syscall.Kill(m.PID, syscall.SIGKILL) // it may end by itself meanwhile
	}
}

// CPUOf is the CPU time of a family so far.
func CPUOf(all []Member) (sum time.Duration) {
	for _, m := range all {
		sum += m.cpu
	}
	return sum
}

// MemoryOf is a family's memory in bytes: one process' resident memory; of several, pages that they share count once.
func MemoryOf(all []Member) (sum int64) {
	if len(all) == 1 {
		return fieldOf(filepath.Join("/proc", strconv.Itoa(all[0].PID), "status"), "VmRSS:")
	}
	for _, m := range all {
		sum += fieldOf(filepath.Join("/proc", strconv.Itoa(m.PID), "smaps_rollup"), "Pss:")
	}
	return sum
}

// fieldOf is a line of a /proc file that tells kB, in bytes; 0 where it is not there.
func fieldOf(path, field string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kB, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64) // the kernel writes numbers
			return kB << 10
		}
	}
	return 0
}
