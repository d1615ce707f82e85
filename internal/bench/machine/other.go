//go:build !linux

package machine

import (
	"errors"
	"time"
)

// PinLoad fails: what is measured here needs Linux' /proc and its pinning.
func PinLoad() (Cores, error) { return Cores{}, errors.New("measuring needs Linux") }

// Busy is nothing where it cannot be told.
func Busy(int) time.Duration { return 0 }
