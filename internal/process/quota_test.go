package process_test

import (
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"resnet-autoscaling/internal/process"
)

func TestCPUs(t *testing.T) {
	all := float64(runtime.NumCPU())
	for name, c := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"no cgroups": {nil, all},
		"v2": {map[string]string{
			"proc/self/cgroup": "0::/pod/box\n", "sys/fs/cgroup/pod/box/cpu.max": "25000 100000\n",
		}, 0.25},
		"v2, the parent's is smaller": {map[string]string{
			"proc/self/cgroup": "0::/pod/box\n", "sys/fs/cgroup/pod/box/cpu.max": "90000 100000\n", "sys/fs/cgroup/pod/cpu.max": "50000 100000\n",
		}, 0.5},
		"v2, at the root of a container": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "75000 100000\n",
		}, 0.75},
		"v2, unlimited": {map[string]string{"proc/self/cgroup": "0::/pod\n", "sys/fs/cgroup/pod/cpu.max": "max 100000\n"}, all},
		"v1": {map[string]string{
			"proc/self/cgroup": "4:cpu,cpuacct:/pod\n1:name=systemd:/\n",
			"sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_quota_us": "30000\n", "sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_period_us": "100000\n",
		}, 0.3},
		"v1, unlimited": {map[string]string{
			"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, all},
		"v1, more than there is": {map[string]string{
			"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "999900000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, all},
		"nonsense": {map[string]string{"proc/self/cgroup": "0::/pod\nx\n", "sys/fs/cgroup/pod/cpu.max": "lots of it\n"}, all},
	} {
		root := fstest.MapFS{}
		for path, text := range c.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := process.CPUs(root); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestCPUTimeMoves(t *testing.T) {
	before := process.CPUTime()
	for process.CPUTime() < before+time.Millisecond {
	}
}
