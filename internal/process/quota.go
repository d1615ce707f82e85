// Package process is the edge to the operating system's processes: how much CPU this one may use, and starting, limiting and
// ending others.
package process

import (
	"io/fs"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPUs is how many cores this process may use: the smallest CPU quota on its way up the cgroup tree (v1 or v2), and no more than
// the CPUs of its affinity mask. root is the file system's root.
func CPUs(root fs.FS) float64 {
	cpus := float64(runtime.NumCPU())
	for _, dir := range cgroupDirs(root) {
		for ; ; dir = path.Dir(dir) {
			if quota, ok := quotaV2(root, dir); ok {
				cpus = min(cpus, quota)
			}
			if quota, ok := quotaV1(root, dir); ok {
				cpus = min(cpus, quota)
			}
			if dir == "sys/fs/cgroup" || dir == "." {
				break
			}
		}
	}
	return cpus
}

// cgroupDirs are the folders of this process' CPU cgroups, from lines such as "4:cpu,cpuacct:/pod" (v1) and "0::/pod" (v2).
func cgroupDirs(root fs.FS) []string {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch controllers := fields[1]; {
		case controllers == "":
			dirs = append(dirs, path.Join("sys/fs/cgroup", fields[2]))
		case hasController(controllers, "cpu"):
			dirs = append(dirs, path.Join("sys/fs/cgroup", controllers, fields[2]), path.Join("sys/fs/cgroup/cpu", fields[2]))
		}
	}
	return dirs
}

func hasController(list, want string) bool {
	for c := range strings.SplitSeq(list, ",") {
		if c == want {
			return true
		}
	}
	return false
}

// quotaV2 reads cpu.max: "25000 100000" or "max 100000".
func quotaV2(root fs.FS, dir string) (float64, bool) {
	text, err := fs.ReadFile(root, path.Join(dir, "cpu.max"))
	if err != nil {
		return 0, false
	}
	quota, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return ratio(quota, period)
}

// quotaV1 reads cpu.cfs_quota_us, -1 where there is none, and cpu.cfs_period_us.
func quotaV1(root fs.FS, dir string) (float64, bool) {
	quota, err := fs.ReadFile(root, path.Join(dir, "cpu.cfs_quota_us"))
	if err != nil {
		return 0, false
	}
	period, err := fs.ReadFile(root, path.Join(dir, "cpu.cfs_period_us"))
	if err != nil {
		return 0, false
	}
	return ratio(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
}

func ratio(quota, period string) (float64, bool) {
	q, errQ := strconv.ParseFloat(quota, 64)
	p, errP := strconv.ParseFloat(period, 64)
	if errQ != nil || errP != nil || q <= 0 || p <= 0 {
		return 0, false
	}
	return q / p, true
}

// CPUTime is the CPU time that this process has used, in user and system mode.
func CPUTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
