package command

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/alecthomas/units"
)

// Bytes is a size on a command line, in powers of 1024: 10MiB, 512KiB, 100B.
type Bytes int64

// UnmarshalText parses a size.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := units.ParseBase2Bytes(string(text))
	*b = Bytes(n)
	return err
}

// String is the size as it is written on a command line.
func (b Bytes) String() string { return units.Base2Bytes(b).String() }

// Count is a number on a command line, with k or M for thousands or millions: 25M.
type Count int64

// UnmarshalText parses a count.
func (c *Count) UnmarshalText(text []byte) error {
	digits, factor := string(text), int64(1)
	if s, ok := strings.CutSuffix(digits, "k"); ok {
		digits, factor = s, 1e3
	} else if s, ok := strings.CutSuffix(digits, "M"); ok {
		digits, factor = s, 1e6
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("%q is not a count: write 25M, 300k or 1000", text)
	}
	*c = Count(n * factor)
	return nil
}

// CPU is a share of CPUs as Kubernetes writes it: 250m, 0.25 or 2, in cores.
type CPU float64

// UnmarshalText parses a CPU share.
func (c *CPU) UnmarshalText(text []byte) error {
	digits, scale := string(text), 1.0
	if s, ok := strings.CutSuffix(digits, "m"); ok {
		digits, scale = s, 1e-3
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		return errors.New(strconv.Quote(string(text)) + " is not a CPU share: write 250m, 0.25 or 2")
	}
	*c = CPU(n * scale)
	return nil
}
