package soak

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	answerTimeout = time.Minute
	mostAtOnce    = 256 // errands; the next one waits
	rushEvery     = 20  // of their errands, on average
	mostFaults    = 3   // that are told of a kind, in words
)

// kind is errands of one sort.
type kind struct {
	name   string
	weight int // among all
	make   func(r *rand.Rand) errand
}

// errand is what one client does, and what may come of it.
type errand struct {
	message
	how manner
	may []Ending
	// alike names what is asked about: all good answers to it have to be the same. Empty: they are not compared.
	alike string
}

// Tally is what became of the errands of a kind.
type Tally struct {
	Kind    string         `json:"kind"`
	Endings map[string]int `json:"endings"` // by status, or in words
	Wrong   int            `json:"wrong"`
	Faults  []string       `json:"faults,omitempty"` // the first of what was wrong
}

// Total is the number of errands of the kind.
func (t Tally) Total() (sum int) {
	for _, n := range t.Endings {
		sum += n
	}
	return sum
}

// crowd is all the clients together.
type crowd struct {
	o      Options
	host   string
	polite *http.Client
	kinds  []kind
	weight int
	random *rand.Rand // decides what comes next

	mu    sync.Mutex
	tally map[string]*Tally
	first map[string][]byte // the first good answer to what errands name
}

func newCrowd(o Options, kinds []kind) (*crowd, error) {
	server, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	c := &crowd{
		o: o, host: server.Host, kinds: kinds, random: rand.New(rand.NewPCG(o.Seed, 0)), tally: map[string]*Tally{}, first: map[string][]byte{},
		polite: &http.Client{Timeout: answerTimeout, Transport: &http.Transport{
			// Shorter than the server's own patience with idle connections: one that it closes as the next request comes would be lost.
			IdleConnTimeout: 20 * time.Second, MaxIdleConnsPerHost: 8, ExpectContinueTimeout: answerTimeout,
		}},
	}
	for _, k := range kinds {
		c.weight += k.weight
		c.tally[k.name] = &Tally{Kind: k.name, Endings: map[string]int{}}
	}
	return c, nil
}

// load sends errands until ctx ends, and then waits for their ends.
func (c *crowd) load(ctx context.Context) {
	defer c.polite.CloseIdleConnections()
	var group sync.WaitGroup
	defer group.Wait()
	places := make(chan struct{}, mostAtOnce)
	for ctx.Err() == nil {
		k := c.next()
		for range c.crowding(k) {
			e := k.make(c.random)
			places <- struct{}{}
			group.Go(func() { c.run(ctx, k.name, e); <-places })
		}
		// Arrivals that know nothing of each other: the gaps are exponential. One that is cut short is the end of the loop.
		_ = pause(ctx, time.Duration(c.random.ExpFloat64()/c.o.Rate*float64(time.Second)))
	}
}

// next chooses a kind by weight.
func (c *crowd) next() kind {
	at := c.random.IntN(c.weight)
	for _, k := range c.kinds {
		if at -= k.weight; at < 0 {
			return k
		}
	}
	return c.kinds[0] // the weights add up: this is never reached
}

// crowding is how many errands of a kind come at the same instant: mostly one, and now and then a rush.
func (c *crowd) crowding(k kind) int {
	if k.name == rushKind && c.random.IntN(rushEvery) == 0 {
		return c.o.Rush
	}
	return 1
}

func (c *crowd) run(ctx context.Context, name string, e errand) {
	came := c.do(ctx, e)
	if ctx.Err() != nil && came.end <= 0 {
		came.end = Cut
	}
	c.count(name, came.end, c.fault(e, came))
}

func (c *crowd) count(name string, end Ending, fault string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tally[name]
	t.Endings[end.String()]++
	if fault == "" {
		return
	}
	t.Wrong++
	if len(t.Faults) < mostFaults {
		t.Faults = append(t.Faults, fault)
	}
}

// fault says what is wrong with how an errand ended; empty: nothing.
func (c *crowd) fault(e errand, came ended) string {
	switch {
	case came.end == Cut:
		return ""
	case !slices.Contains(e.may, came.end) && !c.starved(e, came):
		return fmt.Sprintf("%s %s: %v after %v, not %v: %.200s", e.method, e.path, came.end, came.waited.Round(time.Millisecond), e.may,
			cmp.Or(string(came.body), fmt.Sprint(came.err)))
	case came.end >= http.StatusBadRequest && !explained(came.body):
		return fmt.Sprintf("%s %s: %v without a reason: %.200s", e.method, e.path, came.end, came.body)
	case came.end == http.StatusOK && e.alike != "":
		return c.unlikeFirst(e.alike, essence(e.path, came.body))
	}
	return ""
}

// starved tells whether a request that may have to queue was refused because its time was over, and it was: on a machine that has no
// CPU for the server, that is right. The server gives up a little earlier, when it sees that the work will not be done.
func (c *crowd) starved(e errand, came ended) bool {
	return came.end == http.StatusGatewayTimeout && slices.Contains(e.may, http.StatusServiceUnavailable) && came.waited >= c.o.Timeout*8/10
}

// unlikeFirst compares an answer with the first one to the same question. A server computes the same every time: one that says
// something else has mixed up its clients.
func (c *crowd) unlikeFirst(question string, answer []byte) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	first, known := c.first[question]
	if !known {
		c.first[question] = answer
		return ""
	}
	if bytes.Equal(first, answer) {
		return ""
	}
	return fmt.Sprintf("%s: %.200s, and the first answer was %.200s", question, answer, first)
}

func (c *crowd) tallies() []Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Tally, 0, len(c.kinds))
	for _, k := range c.kinds {
		all = append(all, *c.tally[k.name])
	}
	return all
}

// EndingsInWords is a tally's endings in the order of their names.
func (t Tally) EndingsInWords() string {
	var all []string
	for _, end := range slices.Sorted(maps.Keys(t.Endings)) {
		all = append(all, fmt.Sprintf("%s: %d", end, t.Endings[end]))
	}
	return strings.Join(all, ", ")
}
