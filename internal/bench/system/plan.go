package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// fault is a way to break the system.
type fault string

// The faults.
const (
	replicaKilled  fault = "replica killed"
	replicaStopped fault = "replica stopped"
	replicaSlowed  fault = "replica slowed"
	replicaFiles   fault = "replica without file descriptors"
	modelCorrupted fault = "model file corrupted, replica restarted"

	dispatcherKilled    fault = "dispatcher killed"
	dispatcherRestarted fault = "dispatcher restarted"
	dispatcherStopped   fault = "dispatcher stopped"
	dispatcherFiles     fault = "dispatcher without file descriptors"

	prometheusKilled  fault = "Prometheus killed"
	prometheusStopped fault = "Prometheus stopped"
	diskFull          fault = "disk full"

	apiStopped  fault = "Kubernetes API and node agent stopped"
	clockSkewed fault = "clock skewed"
)

// lasts is the shortest and the longest time that a fault is on; a kill is over at once.
var lasts = map[fault][2]time.Duration{
	replicaKilled:       {},
	replicaStopped:      {2 * time.Second, 8 * time.Second},
	replicaSlowed:       {8 * time.Second, 15 * time.Second},
	replicaFiles:        {4 * time.Second, 8 * time.Second},
	modelCorrupted:      {8 * time.Second, 15 * time.Second},
	dispatcherKilled:    {},
	dispatcherRestarted: {},
	dispatcherStopped:   {time.Second, 4 * time.Second},
	dispatcherFiles:     {3 * time.Second, 6 * time.Second},
	prometheusKilled:    {},
	prometheusStopped:   {10 * time.Second, 25 * time.Second},
	diskFull:            {12 * time.Second, 25 * time.Second},
	apiStopped:          {3 * time.Second, 10 * time.Second},
	clockSkewed:         {15 * time.Second, 40 * time.Second},
}

// endDispatcher are the faults that it does not survive.
var endDispatcher = []fault{dispatcherKilled, dispatcherRestarted}

const (
	shortestGap, longestGap = 6 * time.Second, 16 * time.Second
	longestCalm             = 20 * time.Second // before the first strike; twice that after the last one
	// youth is the share of the load in which the dispatcher may be ended: after that it has to live, or nobody could tell whether its memory grows.
	youth = 0.25
)

// strike is one fault, planned.
type strike struct {
	At     time.Duration `json:"at_ns"`
	Fault  fault         `json:"fault"`
	Length time.Duration `json:"length_ns"`
	Draw   float64       `json:"draw"` // from 0 to 1: decides between those that it may befall
}

// plan draws the strikes on a load of a length, one after the other. Every fault comes once before any comes again, those that end the
// dispatcher first.
func plan(seed uint64, length time.Duration, possible []fault) (strikes []strike) {
	random := rand.New(rand.NewPCG(seed, faults))
	calm := min(longestCalm, length/10)
	var deck []fault
	for at := calm; ; {
		if len(deck) == 0 {
			deck = shuffled(random, possible, at < time.Duration(youth*float64(length)))
		}
		s := strike{At: at, Fault: deck[0], Length: between(random, lasts[deck[0]][0], lasts[deck[0]][1]), Draw: random.Float64()}
		if s.At+s.Length > length-2*calm {
			return strikes
		}
		strikes, deck = append(strikes, s), deck[1:]
		at += s.Length + between(random, shortestGap, longestGap)
	}
}

func shuffled(random *rand.Rand, possible []fault, young bool) (deck []fault) {
	var first, others []fault
	for _, f := range possible {
		switch ends := slices.Contains(endDispatcher, f); {
		case ends && young:
			first = append(first, f)
		case !ends:
			others = append(others, f)
		}
	}
	for _, half := range [][]fault{first, others} {
		random.Shuffle(len(half), func(i, j int) { half[i], half[j] = half[j], half[i] })
		deck = append(deck, half...)
	}
	return deck
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Float64()*float64(most-least)).Round(10*time.Millisecond)
}

// Those that draw from chance, each from a source of its own, so that none depends on when the others draw.
const (
	faults = iota
	questions
	arrivals
)
