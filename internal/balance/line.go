package balance

import (
	"container/heap"
	"errors"
	"time"
)

// ErrFull is what Join says when there is no place for the client.
var ErrFull = errors.New("the line is full")

// Rules of the line.
const (
	// urgent is the share of a request's patience by which it may be overtaken: one that has less patience goes before it if it comes
	// within that time. So the impatient go first, and nobody is overtaken for long.
	urgent      = 0.25
	mostPatient = 10 * time.Second
	// greedy is how many times the free places a client may hold: the last ones are for those who have none.
	greedy = 8
	// unpaced is what a place costs while it is not known how quickly the line moves.
	unpaced = time.Millisecond
	// bearable is the share of its patience that a request may be foreseen to wait; bearableStanding that in a line that stands.
	bearable         = 0.75
	bearableStanding = 0.35
)

// Standing is for how long there must have been somebody in the line for it to stand.
const Standing = 15 * time.Second

// Bearable is the share of its patience that a request may be foreseen to wait; one that would wait for longer is better told so at once.
// A line takes up a burst: a request may wait in it for most of its patience, but what is foreseen is a mean. A line that stands
// serves nobody sooner or oftener for being long: then requests wait for less, and when the load falls the line is soon gone.
func Bearable(stood time.Duration) float64 {
	if stood > Standing {
		return bearableStanding
	}
	return bearable
}

// Ticket is a request in the line.
type Ticket[V any] struct {
	Client  string          // whom it is from: clients with requests in the line share the replicas equally
	Avoid   map[string]bool // replicas that it does not want: they have failed it
	Value   V
	Arrived time.Time
	Patient time.Duration // how long it may take in all

	due   time.Time // its order; zero: it has not been in the line
	came  time.Time // when it joined, the last time
	index int       // in the heap; -1: not in the line
}

// Joined is when it joined the line, the last time.
func (t *Ticket[V]) Joined() time.Time { return t.came }

// Line is the requests that wait, in the order in which they are served: by arrival, but a client that sends more than its share waits
// behind the others', and the impatient go a little before the patient.
//
// The share is that of a virtual clock (L. Zhang, VirtualClock, 1990): each request of a client is due one service time of its share after
// the one before it, or at its arrival if that is later.
type Line[V any] struct {
	limit   int
	tickets tickets[V]
	clients map[string]*account
	pace    pace
	stands  time.Time // since when there has always been somebody in it
}

// account is what the line knows of a client with requests in it.
type account struct {
	waiting int
	clock   time.Time // when its last request was due
}

// NewLine makes a line of at most limit requests.
func NewLine[V any](limit int) *Line[V] {
	return &Line[V]{limit: limit, clients: map[string]*account{}}
}

// Len is how many wait.
func (l *Line[V]) Len() int { return len(l.tickets) }

// Stands is how long there has been somebody in it all the time.
func (l *Line[V]) Stands(now time.Time) time.Duration {
	if len(l.tickets) == 0 {
		return 0
	}
	return now.Sub(l.stands)
}

// Join puts a request into the line, where rate is how many requests a second leave it; 0: not known. It foresees how long the request will
// wait: for those before it at that rate, corrected by how they did leave; 0 where nothing is known. A request that is back from a replica
// that failed has its old order. Error: ErrFull.
func (l *Line[V]) Join(t *Ticket[V], now time.Time, rate float64) (wait time.Duration, err error) {
	a := l.account(t.Client)
	free := l.limit - len(l.tickets)
	if free <= 0 || a.waiting >= greedy*free {
		l.settle(t.Client)
		return 0, ErrFull
	}
	if t.due.IsZero() {
		a.charge(now, len(l.clients), rate)
		t.due = a.clock.Add(time.Duration(urgent * float64(min(t.Patient, mostPatient))))
	}
	t.came = now
	if rate > 0 {
		wait = time.Duration(float64(l.ahead(t)) / (rate * l.pace.correction(now)) * float64(time.Second))
	}
	if len(l.tickets) == 0 {
		l.stands = now
	}
	a.waiting++
	heap.Push(&l.tickets, t)
	return wait, nil
}

// ahead counts those before it.
func (l *Line[V]) ahead(t *Ticket[V]) (n int) {
	for _, other := range l.tickets {
		if other.due.Before(t.due) {
			n++
		}
	}
	return n
}

// charge puts the account's clock forward by one request.
func (a *account) charge(now time.Time, clients int, rate float64) {
	cost := unpaced
	if rate > 0 {
		cost = time.Duration(float64(time.Second) / rate)
	}
	a.clock = a.clock.Add(cost * time.Duration(clients))
	if a.clock.Before(now) {
		a.clock = now
	}
}

func (l *Line[V]) account(client string) *account {
	a, ok := l.clients[client]
	if !ok {
		a = &account{}
		l.clients[client] = a
	}
	return a
}

// settle forgets a client that has nothing in the line.
func (l *Line[V]) settle(client string) {
	if l.clients[client].waiting == 0 {
		delete(l.clients, client)
	}
}

// Leave takes a request out; false when it was not in the line.
func (l *Line[V]) Leave(t *Ticket[V]) bool {
	if t.index < 0 || t.index >= len(l.tickets) || l.tickets[t.index] != t {
		return false
	}
	heap.Remove(&l.tickets, t.index)
	l.clients[t.Client].waiting--
	l.settle(t.Client)
	return true
}

// Serve takes out the first request, at place or behind it, that does not avoid the replica; false when there is none. The rate is Join's.
func (l *Line[V]) Serve(place int, replica string, now time.Time, rate float64) (served *Ticket[V], ok bool) {
	var passed []*Ticket[V]
	for len(l.tickets) > 0 && !ok {
		t := heap.Pop(&l.tickets).(*Ticket[V])
		if len(passed)+1 >= place && !t.Avoid[replica] {
			served, ok = t, true
		} else {
			passed = append(passed, t)
		}
	}
	for _, t := range passed {
		heap.Push(&l.tickets, t)
	}
	if ok {
		l.pace.left(now, rate, len(l.tickets) > 0)
		l.clients[served.Client].waiting--
		l.settle(served.Client)
	}
	return served, ok
}

// tickets is a heap of requests, the next one first.
type tickets[V any] []*Ticket[V]

func (h tickets[V]) Len() int           { return len(h) }
func (h tickets[V]) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h tickets[V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is for package heap.
func (h *tickets[V]) Push(x any) {
	t := x.(*Ticket[V])
	t.index = len(*h)
	*h = append(*h, t)
}

// Pop is for package heap.
func (h *tickets[V]) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
