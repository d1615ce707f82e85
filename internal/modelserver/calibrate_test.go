package modelserver_test

import (
	"bytes"
	"image"
	"net/http"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/testkit"
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

// By its CPU clock a picture costs a millisecond of the core that the server may use, so it states 1,000 a second. It gets much less of the
// core than that, and with work for it all the time it finds out.
func TestAServerThatIsStarvedStatesWhatItDoes(t *testing.T) {
	o := realOptions(t)
	var mu sync.Mutex
	var clock time.Duration
	o.CPUTime = func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		clock += time.Millisecond
		return clock
	}
	s := serve(t, o)
	states := func() float64 {
		said, _ := api.CapabilityFrom(s.get(t, "/readyz").Header)
		return said.CapacityRPS
	}
	if before := states(); before != 1000 {
		t.Fatalf("it states %v pictures/s, want 1000", before)
	}
	picture := jpegOf(t, image.NewRGBA(image.Rect(0, 0, 64, 64)))
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if answer, err := http.Post(s.url+"/predict", "image/jpeg", bytes.NewReader(picture)); err == nil {
					answer.Body.Close()
				}
			}
		})
	}
	defer clients.Wait()
	defer close(done)
	testkit.Eventually(t, "it states less than half", func() bool { return states() < 500 })
}
