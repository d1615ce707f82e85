package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"resnet-autoscaling/internal/results"
	"resnet-autoscaling/internal/summary"
)

// stream writes each request to a file as it ends. The zero stream writes nothing.
type stream struct {
	file   *os.File
	buffer *bufio.Writer
	lines  *results.Vegeta
	failed error // the first
}

// streamBuffer is how much is held back: a write for each request would cost the tester its pace.
const streamBuffer = 256 << 10

func openResults(name string) (*stream, error) {
	if name == "" {
		return &stream{}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--results: %w", err)
	}
	return &stream{file: file, buffer: bufio.NewWriterSize(file, streamBuffer)}, nil
}

func (s *stream) began(at time.Time, to *url.URL) {
	if s.file != nil {
		s.lines = results.NewVegeta(s.buffer, at, to.Redacted())
	}
}

func (s *stream) each(o summary.Outcome) {
	if s.lines != nil && s.failed == nil {
		s.failed = s.lines.Add(o)
	}
}

func (s *stream) close() error {
	if s.file == nil {
		return nil
	}
	var flushed error
	if s.lines != nil {
		flushed = s.lines.Flush()
	}
	if err := errors.Join(s.failed, flushed, s.buffer.Flush(), s.file.Close()); err != nil {
		return fmt.Errorf("--results: %w", err)
	}
	return nil
}
