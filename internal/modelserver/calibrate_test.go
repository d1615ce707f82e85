package modelserver_test

import (
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
)

// A picture takes 10 ms of CPU time by this clock, but for one, and the server has half a core.
func TestTheCapacityIsOfTheUsualPicture(t *testing.T) {
	o := realOptions(t)
	o.CPUs = 0.5
	var mu sync.Mutex
	var clock time.Duration
	read := 0
	o.CPUTime = func() time.Duration { // it is read before each picture and after it
		mu.Lock()
		defer mu.Unlock()
		if read++; read%2 == 0 {
			clock += 10 * time.Millisecond
		}
		if read == 4 {
			clock += time.Second
		}
		return clock
	}
	s := serve(t, o)
	said, ok := api.CapabilityFrom(s.get(t, "/readyz").Header)
	if !ok || said.CapacityRPS != 50 {
		t.Errorf("it says that it does %v pictures/s, want 50", said.CapacityRPS)
	}
}
