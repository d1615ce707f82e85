package modelserver_test

import (
	"bytes"
	"context"
	"image"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/modelserver"
)

// A picture takes so much of a core on a machine, bit by bit: it does 4 a second.
const pictureTakes, bit = 250 * time.Millisecond, 10 * time.Millisecond

// machine is the core of a server that is never without work, in a bubble of time.
type machine struct {
	input  []float32
	logits []float32

	mu     sync.Mutex
	share  float64 // of the core that the server gets
	used   time.Duration
	late   time.Duration // so long does the server wait for its turn to read its clock
	thaws  time.Time
	stated float64     // pictures per second, by its last answer
	begun  int         // pictures
	ended  map[int]int // requests, by status
}

func (m *machine) Input() []float32 { return m.input }

func (m *machine) Run() ([]float32, error) {
	m.mu.Lock()
	m.begun++
	m.mu.Unlock()
	for range pictureTakes / bit {
		time.Sleep(m.takes(bit))
		m.stand() // it is not done before the machine goes on
		m.work(bit)
	}
	return m.logits, nil
}

// takes is how long the server has to wait for CPU time.
func (m *machine) takes(cpu time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(float64(cpu) / m.share)
}

func (m *machine) work(cpu time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used += cpu
}

// stand waits while the machine stands still.
func (m *machine) stand() {
	m.mu.Lock()
	still := time.Until(m.thaws)
	m.mu.Unlock()
	time.Sleep(still)
}

// cpuTime is the server's clock.
func (m *machine) cpuTime() time.Duration {
	m.stand()
	m.mu.Lock()
	late := m.late
	m.mu.Unlock()
	time.Sleep(late)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// freeze has the machine stand still for a while from now on.
func (m *machine) freeze(t time.Duration) {
	m.mu.Lock()
	m.thaws = time.Now().Add(t)
	m.mu.Unlock()
	time.Sleep(t)
}

// gives has the machine give the server a share of its core from now on, and have it wait for each reading of its clock.
func (m *machine) gives(share float64, late time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.share, m.late = share, late
}

func (m *machine) states() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stated
}

// since is how many requests were answered and were late in so much time from now on, and how many pictures were begun.
func (m *machine) since(t time.Duration) (answered, late, begun int) {
	m.mu.Lock()
	m.begun, m.ended = 0, map[int]int{}
	m.mu.Unlock()
	time.Sleep(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended[http.StatusOK], m.ended[http.StatusGatewayTimeout], m.begun
}

// ask posts pictures, one after the other, until ctx ends, and waits so long for each answer.
func (m *machine) ask(ctx context.Context, server http.Handler, picture []byte, patience time.Duration) {
	for ctx.Err() == nil {
		r, answer := httptest.NewRequestWithContext(ctx, http.MethodPost, api.PathPredict, bytes.NewReader(picture)), httptest.NewRecorder()
		r.Header.Set(api.HeaderTimeout, api.FormatTimeout(patience))
		server.ServeHTTP(answer, r)
		m.note(answer)
		time.Sleep(bit)
	}
}

func (m *machine) note(answer *httptest.ResponseRecorder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended[answer.Code]++
	if said, ok := api.CapabilityFrom(answer.Header()); ok {
		m.stated = said.CapacityRPS
	}
}

// measured runs f beside a server that has measured itself, and has nothing to do.
func measured(t *testing.T, f func(t *testing.T, m *machine, ask func(ctx context.Context, patience time.Duration))) {
	o := realOptions(t)
	o.Models[0].Spec.Input.Resize, o.Models[0].Spec.Input.Crop = 8, 8 // pictures are many, and what is in them is nothing
	m := &machine{share: 1, ended: map[int]int{}, input: make([]float32, o.Models[0].Spec.Input.Values()), logits: make([]float32, len(o.Models[0].Labels))}
	o.Stations = []modelserver.Station{{Networks: []modelserver.Network{m}}}
	o.CPUTime = m.cpuTime
	picture := jpegOf(t, image.NewGray(image.Rect(0, 0, 8, 8)))
	synctest.Test(t, func(t *testing.T) {
		s, err := modelserver.New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer modelserver.Close(s)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		running.Go(func() {
			if err := modelserver.Measure(ctx, s); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(10 * time.Second) // it measures itself
		f(t, m, func(ctx context.Context, patience time.Duration) {
			m.ask(ctx, modelserver.Handler(s), picture, patience)
		})
	})
}

// busy runs f beside a server that has had work for longer than it remembers, of callers that wait so long for an answer.
func busy(t *testing.T, patience time.Duration, f func(t *testing.T, m *machine)) {
	measured(t, func(t *testing.T, m *machine, ask func(context.Context, time.Duration)) {
		var asking sync.WaitGroup
		defer asking.Wait()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		for range 2 {
			asking.Go(func() { ask(ctx, patience) })
		}
		time.Sleep(40 * time.Second)
		if got := m.states(); got < 3.9 || got > 4.1 {
			t.Fatalf("it states %.2f pictures/s, want 4", got)
		}
		f(t, m)
	})
}

// However long it has had nothing to do, it begins nothing for who cannot wait for the quickest picture that it has ever done.
func TestNothingIsBegunForWhoCannotWaitForTheQuickest(t *testing.T) {
	measured(t, func(t *testing.T, m *machine, ask func(context.Context, time.Duration)) {
		var asking sync.WaitGroup
		defer asking.Wait()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		asking.Go(func() { ask(ctx, pictureTakes/2) })
		if answered, late, begun := m.since(30 * time.Second); answered+begun > 0 || late == 0 {
			t.Errorf("%d were answered, %d were late, %d were begun; want all to be late", answered, late, begun)
		}
	})
}

// As when its node freezes, or its machine moves to another: what a server did not do in the meantime says nothing of what it can do.
func TestAServerThatStoodStillStatesWhatItDidBefore(t *testing.T) {
	busy(t, 10*time.Second, func(t *testing.T, m *machine) {
		m.freeze(30 * time.Second)
		for second := range 90 {
			time.Sleep(time.Second)
			if got := m.states(); got < 3.7 {
				t.Fatalf("%d s after it stood still, it states %.2f pictures/s, want about 4", second, got)
			}
		}
	})
}

// Nor does it say how long the next picture will take: who cannot wait for long is not refused.
func TestAServerThatStoodStillAnswersAtOnce(t *testing.T) {
	busy(t, 2*time.Second, func(t *testing.T, m *machine) {
		m.freeze(30 * time.Second)
		if answered, late, _ := m.since(10 * time.Second); answered < 38 || late > 1 {
			t.Errorf("%d are answered in 10 s, and %d are not: want about 40, and perhaps one that has waited for too long by now", answered, late)
		}
	})
}

// One that is too slow for its callers spends little on what would come too late, and finds out when it is not any more.
func TestAServerThatWasTooSlowFindsOutThatItIsQuick(t *testing.T) {
	busy(t, 2*time.Second, func(t *testing.T, m *machine) {
		m.gives(1.0/12, 0) // 3 s for a picture
		m.since(20 * time.Second)
		if answered, late, begun := m.since(20 * time.Second); late < 200 || begun > 6 {
			t.Errorf("%d are answered, %d are late, and %d were begun: want no more than 5 begun", answered, late, begun)
		}
		m.gives(1, 0)
		m.since(5 * time.Second)
		if answered, late, _ := m.since(10 * time.Second); answered < 39 || late > 0 {
			t.Errorf("%d are answered in 10 s, and %d are not: want about 40", answered, late)
		}
	})
}

// One that gets little of its core for long does less, whether that little comes evenly or not.
func TestAServerThatIsStarvedForLongStatesLess(t *testing.T) {
	for name, late := range map[string]time.Duration{"evenly": 0, "so much that it measures itself seldom": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			busy(t, 10*time.Second, func(t *testing.T, m *machine) {
				m.gives(0.25, late)
				time.Sleep(4 * time.Minute)
				if got := m.states(); got < 0.9 || got > 1.1 {
					t.Errorf("it states %.2f pictures/s, want about 1", got)
				}
			})
		})
	}
	t.Run("by turns", func(t *testing.T) {
		busy(t, 10*time.Second, func(t *testing.T, m *machine) {
			for range 30 {
				m.freeze(3 * time.Second)
				time.Sleep(time.Second)
			}
			if got := m.states(); got > 3 {
				t.Errorf("it states %.2f pictures/s, and does about 1", got)
			}
		})
	})
}
