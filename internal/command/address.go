package command

import (
	"fmt"
	"net"
)

// Address is where a server listens: HOST:PORT, or :PORT for every address of the machine. Port 0 takes a free one.
type Address string

// UnmarshalText checks an address.
func (a *Address) UnmarshalText(text []byte) error {
	if _, err := net.ResolveTCPAddr("tcp", string(text)); err != nil {
		return fmt.Errorf("%q is no address: write HOST:PORT or :PORT (%w)", text, err)
	}
	*a = Address(text)
	return nil
}
