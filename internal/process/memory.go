package process

import (
	"errors"
	"fmt"
	"os"
	"runtime/metrics"
)

// ForeignMemory is the memory in bytes that this process holds beside the Go runtime's: its program, and what libraries in other
// languages took.
func ForeignMemory() (int64, error) {
	resident, err := residentMemory("self")
	if err != nil {
		return 0, err
	}
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return 0, errors.New("the Go runtime does not tell its " + s.Name)
		}
	}
	// Of what Go counts some is not resident, so this is rather too little than too much.
	return max(0, resident-int64(samples[0].Value.Uint64()-samples[1].Value.Uint64())), nil
}

// residentMemory is that of a process, by its id or "self".
func residentMemory(process string) (int64, error) {
	text, err := os.ReadFile("/proc/" + process + "/statm")
	if err != nil {
		return 0, err
	}
	var size, resident int64 // in pages: proc_pid_statm(5)
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, fmt.Errorf("%q: %w", text, err)
	}
	return resident * int64(os.Getpagesize()), nil
}
