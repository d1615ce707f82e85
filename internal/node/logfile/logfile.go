// Package logfile keeps what a container writes: one file for its present run and one for the run before, each of bounded size,
// readable while they grow.
package logfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Log is one container's output. Its methods may be called from any goroutine.
type Log struct {
	path  string // without ".log"
	limit int64  // of one file, in bytes

	mu      sync.Mutex
	file    *os.File // nil while nothing runs
	size    int64
	epoch   epoch
	changed chan struct{} // closed by the next change
	lost    error
}

// epoch tells files of one name apart: the container's runs, and in a run the files that it filled.
type epoch struct{ run, file int }

// New makes a Log of files in dir whose names begin with name; a file that would outgrow limit bytes is set aside as name.log.1,
// so that a run's log takes at most twice the limit.
func New(dir, name string, limit int64) *Log {
	return &Log{path: filepath.Join(dir, name), limit: limit, changed: make(chan struct{})}
}

func (l *Log) current() string  { return l.path + ".log" }
func (l *Log) older() string    { return l.path + ".log.1" }
func (l *Log) previous() string { return l.path + ".previous.log" }

// Begin starts the log of a new run; the last run's newest file becomes the previous one.
func (l *Log) Begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	if err := errors.Join(absentIsFine(os.Rename(l.current(), l.previous())), absentIsFine(os.Remove(l.older()))); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	if err := l.open(); err != nil {
		return err
	}
	l.epoch = epoch{run: l.epoch.run + 1}
	l.announce()
	return nil
}

// End says that the run will write no more. It returns what became of output that could not be kept.
func (l *Log) End() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.lost, l.file.Close())
	l.file, l.lost = nil, nil
	l.announce()
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	return nil
}

// Write always takes all of p: a full disk must cost the container its log, not its life.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return len(p), nil
	}
	if l.size > 0 && l.size+int64(len(p)) > l.limit {
		if err := l.rotate(); err != nil {
			l.lost = err
			return len(p), nil
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	if err != nil {
		l.lost = err
	}
	l.announce()
	return len(p), nil
}

// rotate sets the full file aside. Where that fails the log goes on in the file that it has.
func (l *Log) rotate() error {
	full := l.file
	if err := os.Rename(l.current(), l.older()); err != nil {
		return err
	}
	if err := l.open(); err != nil {
		return errors.Join(err, os.Rename(l.older(), l.current()))
	}
	l.epoch.file++
	return full.Close()
}

func (l *Log) open() error {
	f, err := os.OpenFile(l.current(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	l.file, l.size = f, 0
	return nil
}

func (l *Log) announce() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func absentIsFine(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
