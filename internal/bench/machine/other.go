//go:build !linux

package machine

import (
	"errors"
	"time"
)

var errNotLinux = errors.New("measuring needs Linux")

// PinLoad fails: what is measured here needs Linux' /proc and its pinning.
func PinLoad() (Cores, error) { return Cores{}, errNotLinux }

// UsableCores fails likewise.
func UsableCores() ([]int, error) { return nil, errNotLinux }

// TwoCores fails likewise.
func TwoCores() (Cores, error) { return Cores{}, errNotLinux }

// Busy is nothing where it cannot be told.
func Busy(int) time.Duration { return 0 }

// Others is nothing likewise.
func Others() time.Duration { return 0 }
