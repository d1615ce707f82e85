package chaos_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
)

// addresses are a range out of 127/8 that no other test and nobody else on this machine uses at the same time. In it every pod has an
// address of its own, as in a cluster, and all have the same port.
type addresses byte

const (
	podPort        = 8000
	dispatcherPort = 8080
)

// claimAddresses holds a range until the test ends: it is the one's whose it is to listen at the last address.
func claimAddresses(t *testing.T) addresses {
	t.Helper()
	const first, count = 126, 100 // lower ones are `local up`'s and its tests'
	for try := range count {
		here := addresses(first + (os.Getpid()+try)%count)
		if claim, err := net.Listen("tcp", here.at(255, 254, podPort)); err == nil {
			t.Cleanup(func() { claim.Close() })
			return here
		}
	}
	t.Fatalf("none of 127.%d.0.0/16 to 127.%d.0.0/16 is free", first, first+count-1)
	return 0
}

func (a addresses) at(third, fourth, port int) string {
	return fmt.Sprintf("127.%d.%d.%d:%d", byte(a), third, fourth, port)
}

func (a addresses) api() string             { return a.at(255, 1, 6443) }
func (a addresses) dispatcher(n int) string { return a.at(1+n/250, 1+n%250, dispatcherPort) }

// pod is the lowest address that is not taken: so a new pod often gets one whose connections are only just closed.
func (a addresses) pod(taken []string) string {
	for n := 1; ; n++ {
		if ip := fmt.Sprintf("127.%d.0.%d", byte(a), n); !slices.Contains(taken, ip) {
			return ip
		}
	}
}
