package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// instructionCounter counts the instructions that a process executes in user mode, in all its threads. A nil one counts nothing.
type instructionCounter struct{ counters []int }

// countInstructions fails where the machine, or its hypervisor, does not count.
func countInstructions(pid int) (*instructionCounter, error) {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "[0-9]*"))
	if err != nil {
		return nil, err
	}
	var c instructionCounter
	for _, t := range threads {
		id, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			continue
		}
		fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
			Type: unix.PERF_TYPE_HARDWARE, Config: unix.PERF_COUNT_HW_INSTRUCTIONS, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
			Bits: unix.PerfBitInherit | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv, // Inherit: threads to come are counted too
		}, id, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ESRCH) { // the thread ended meanwhile
			continue
		}
		if err != nil {
			c.close()
			return nil, os.NewSyscallError("perf_event_open", err)
		}
		c.counters = append(c.counters, fd)
	}
	if len(c.counters) == 0 {
		return nil, fmt.Errorf("process %d has no threads", pid)
	}
	return &c, nil
}

func (c *instructionCounter) read() (sum uint64) {
	if c == nil {
		return 0
	}
	for _, fd := range c.counters {
		var value [8]byte
		if n, err := unix.Read(fd, value[:]); err == nil && n == len(value) {
			sum += binary.NativeEndian.Uint64(value[:])
		}
	}
	return sum
}

func (c *instructionCounter) close() {
	if c == nil {
		return
	}
	for _, fd := range c.counters {
		_ = unix.Close(fd) // nothing was written to it
	}
	c.counters = nil
}
