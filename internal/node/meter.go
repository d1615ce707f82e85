package node

import (
	"sync"
	"time"
)

// meter counts the CPU time of a container over all its runs. It never goes back: a counter that falls means a restart to Prometheus,
// which would then count everything a second time.
type meter struct {
	mu      sync.Mutex
	before  time.Duration // of runs that have ended
	current Process       // nil while none runs
	shown   time.Duration
}

func (m *meter) begin(p Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = p
}

func (m *meter) end() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	used, err := m.current.CPUTime()
	m.before, m.current = m.before+used, nil
	return err
}

// read is the CPU time so far and the memory, in bytes, of the run there is.
func (m *meter) read() (cpu time.Duration, memory int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var used time.Duration
	if m.current != nil {
		if used, err = m.current.CPUTime(); err != nil {
			return 0, 0, err
		}
		if memory, err = m.current.Memory(); err != nil {
			return 0, 0, err
		}
	}
	m.shown = max(m.shown, m.before+used)
	return m.shown, memory, nil
}
