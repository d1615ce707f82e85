package command

import "github.com/alecthomas/units"

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
