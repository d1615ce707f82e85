//go:build !linux

package main

import (
	"errors"
	"time"
)

var errNotLinux = errors.New("measuring needs Linux")

// usableCores fails, for the same reason as pinLoad.
func usableCores() ([]int, error) { return nil, errNotLinux }

// pinLoad fails: what is measured here needs Linux' /proc and its pinning.
func pinLoad() (cores, error) { return cores{}, errNotLinux }

func busy(int) time.Duration { return 0 }

type instructionCounter struct{}

func countInstructions(int) (*instructionCounter, error) { return nil, errNotLinux }

func (*instructionCounter) read() uint64 { return 0 }

func (*instructionCounter) close() {}
