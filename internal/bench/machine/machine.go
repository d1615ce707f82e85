// Package machine tells what the measuring runs on, keeps the measured and the load on cores of their own, and counts what processes use.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Cores are where servers run and where the load comes from.
type Cores struct{ Server, Load int }

// Describe says in words where this runs.
func Describe() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // where it is missing, nothing is said of it
	return fmt.Sprintf("%s, %d cores, Linux %s, %s", processor(), runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.GOARCH)
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // where it is missing, nothing is said of it
	facts := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); facts[name] == "" {
			facts[name] = strings.TrimSpace(value)
		}
	}
	var vector []string
	for _, flag := range []string{"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8"} {
		if strings.Contains(" "+facts["flags"]+" ", " "+flag+" ") {
			vector = append(vector, flag)
		}
	}
	return fmt.Sprintf("%s (family %s, model %s; %s)", facts["model name"], facts["cpu family"], facts["model"], strings.Join(vector, " "))
}
