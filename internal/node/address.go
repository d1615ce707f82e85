package node

import (
	"fmt"
	"net/netip"
	"sync"
)

// addresses gives pods their addresses. One that was given back is used again as late as possible: until then whoever still knows the
// old pod by it finds nothing there, rather than another pod.
type addresses struct {
	prefix   netip.Prefix
	reserved netip.Addr

	mu    sync.Mutex
	next  netip.Addr // never given yet, and all after it
	freed []netip.Addr
}

func newAddresses(prefix netip.Prefix, reserved netip.Addr) *addresses {
	return &addresses{prefix: prefix, reserved: reserved, next: prefix.Masked().Addr().Next()}
}

func (a *addresses) take() (netip.Addr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == a.reserved {
		a.next = a.next.Next()
	}
	// The last one is left out: in a real network of IPv4 it is for broadcasts.
	if after := a.next.Next(); a.prefix.Contains(after) {
		taken := a.next
		a.next = after
		return taken, nil
	}
	if len(a.freed) == 0 {
		return netip.Addr{}, fmt.Errorf("no address is free in %s", a.prefix)
	}
	taken := a.freed[0]
	a.freed = a.freed[1:]
	return taken, nil
}

func (a *addresses) giveBack(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.freed = append(a.freed, address)
}
