// Package reload keeps a value at what its files say: the files of a Secret or of a ConfigMap are swapped under a pod that runs.
package reload

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// Every is how often the files are looked at. A change is taken when two looks in a row have seen it, so that a file which is still being
// written, or a pair of which only one has been swapped, is not taken for the new one.
const Every = time.Second

// maxBytes bounds a file: who names a wrong one should hear of it instead of filling the memory.
const maxBytes = 1 << 20

// Value is what files say. Get may be called from any goroutine.
type Value[T any] struct {
	files []string
	parse func(contents [][]byte) (T, error)
	now   atomic.Pointer[T]

	seen, taken look // of Run's goroutine
}

// look is what the files were when they were looked at.
type look struct {
	contents [][]byte
	err      error
}

func (l look) equal(other look) bool {
	if l.err != nil || other.err != nil {
		return fmt.Sprint(l.err) == fmt.Sprint(other.err)
	}
	return slices.EqualFunc(l.contents, other.contents, bytes.Equal)
}

// Read reads the files and makes the value of them; parse gets their contents in the order of the files.
func Read[T any](parse func(contents [][]byte) (T, error), files ...string) (*Value[T], error) {
	v := &Value[T]{files: files, parse: parse}
	v.seen = v.look()
	return v, v.take(v.seen)
}

// Get is the value of the newest files that made sense.
func (v *Value[T]) Get() T { return *v.now.Load() }

// Run looks at the files until ctx ends. Files that make no sense are logged once, and the value stays.
func (v *Value[T]) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			v.poll(log)
		}
	}
}

func (v *Value[T]) poll(log *slog.Logger) {
	now := v.look()
	settled := now.equal(v.seen)
	v.seen = now
	if !settled || now.equal(v.taken) {
		return
	}
	if err := v.take(now); err != nil {
		log.Error("files changed and make no sense: what they said before holds", "files", v.files, "error", err)
		return
	}
	log.Info("files changed and are taken", "files", v.files)
}

func (v *Value[T]) look() look {
	contents := make([][]byte, len(v.files))
	for i, name := range v.files {
		var err error
		if contents[i], err = readFile(name); err != nil {
			return look{err: err}
		}
	}
	return look{contents: contents}
}

func (v *Value[T]) take(l look) error {
	v.taken = l
	if l.err != nil {
		return l.err
	}
	value, err := v.parse(l.contents)
	if err != nil {
		return err
	}
	v.now.Store(&value)
	return nil
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err == nil && len(content) > maxBytes {
		err = fmt.Errorf("%s has more than %d bytes", name, maxBytes)
	}
	return content, err
}
