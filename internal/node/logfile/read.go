package logfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Selection is which part of a log to read.
type Selection struct {
	Previous bool  // of the run before
	Follow   bool  // and go on until the run ends
	Tail     int64 // only so many last lines; negative: all
	Limit    int64 // at most so many bytes; negative: all
}

// ErrNoLog: there was no such run, or it has left nothing.
var ErrNoLog = errors.New("no log is kept of that run")

// errEnough ends a copy at the limit of bytes.
var errEnough = errors.New("enough")

// Read copies a part of the log to w, and with Follow what is added, until ctx ends.
func (l *Log) Read(ctx context.Context, w io.Writer, s Selection) error {
	files, at, err := l.openAll(s.Previous)
	if err != nil {
		return err
	}
	r := &reader{log: l, epoch: at, file: files[len(files)-1]}
	defer func() { _ = r.file.Close() }() // follow changes it
	for _, f := range files[:len(files)-1] {
		defer f.Close()
	}
	if s.Limit >= 0 {
		w = &limited{w: w, left: s.Limit}
	}
	err = copyTail(w, files, s.Tail)
	if err == nil && s.Follow && !s.Previous {
		err = r.follow(ctx, w)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// openAll opens a run's files, the oldest first, as they are at one instant.
func (l *Log) openAll(previous bool) ([]*os.File, epoch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := []string{l.older(), l.current()}
	if previous {
		names = []string{l.previous()}
	}
	var files []*os.File
	for _, name := range names {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, epoch{}, fmt.Errorf("log: %w", err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, epoch{}, ErrNoLog
	}
	return files, l.epoch, nil
}

// copyTail copies the last n lines of the files together, or all where n is negative, and leaves each file at its end.
func copyTail(w io.Writer, files []*os.File, n int64) error {
	skip := int64(0)
	if n >= 0 {
		lines, err := countLines(files)
		if err != nil {
			return err
		}
		skip = max(0, lines-n)
	}
	for _, f := range files {
		r := bufio.NewReaderSize(f, 64<<10)
		for skip > 0 {
			_, err := r.ReadSlice('\n')
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				skip--
			} else if !errors.Is(err, bufio.ErrBufferFull) {
				return err
			}
		}
		if _, err := r.WriteTo(w); err != nil {
			return err
		}
	}
	return nil
}

// countLines counts lines, a last one without its newline too, and rewinds.
func countLines(files []*os.File) (int64, error) {
	lines, last := int64(0), byte('\n')
	buffer := make([]byte, 64<<10)
	for _, f := range files {
		for {
			n, err := f.Read(buffer)
			for _, b := range buffer[:n] {
				if b == '\n' {
					lines++
				}
				last = b
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return 0, err
			}
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
	}
	if last != '\n' {
		lines++
	}
	return lines, nil
}

// reader follows a log through the files that it fills.
type reader struct {
	log   *Log
	epoch epoch
	file  *os.File
}

func (r *reader) follow(ctx context.Context, w io.Writer) error {
	for {
		// What is seen here was written before: a file that is no longer the newest is read to its real end.
		now := r.log.look()
		if _, err := io.Copy(w, r.file); err != nil {
			return err
		}
		switch {
		case now.ended || now.epoch.run != r.epoch.run:
			return nil
		case now.epoch.file != r.epoch.file:
			if err := r.next(); err != nil {
				return err
			}
			continue
		}
		select {
		case <-now.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next goes on in the newest file.
func (r *reader) next() error {
	files, at, err := r.log.openAll(false)
	if err != nil {
		return err
	}
	newest := files[len(files)-1]
	files[len(files)-1] = r.file
	for _, f := range files {
		_ = f.Close() // read only: nothing is lost
	}
	r.file, r.epoch.file = newest, at.file
	if at.run != r.epoch.run { // another run has begun in between: this one is over
		r.epoch.run = at.run - 1
		_, err = r.file.Seek(0, io.SeekEnd)
	}
	return err
}

type glance struct {
	epoch   epoch
	ended   bool
	changed <-chan struct{}
}

func (l *Log) look() glance {
	l.mu.Lock()
	defer l.mu.Unlock()
	return glance{l.epoch, l.file == nil, l.changed}
}

// limited fails with errEnough once so many bytes have passed.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) < l.left {
		l.left -= int64(len(p))
		return l.w.Write(p)
	}
	n, err := l.w.Write(p[:l.left])
	l.left -= int64(n)
	if err == nil {
		err = errEnough
	}
	return n, err
}
