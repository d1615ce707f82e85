package node

import (
	"context"
	"sync"
	"time"
)

// farewell is how a pod's containers are asked to end: soft is done when they should end by themselves, hard when their time is up.
type farewell struct {
	soft, hard context.Context
	begin, cut context.CancelFunc

	mu       sync.Mutex
	timer    *time.Timer
	deadline time.Time
}

func newFarewell() *farewell {
	f := &farewell{}
	f.soft, f.begin = context.WithCancel(context.Background())
	f.hard, f.cut = context.WithCancel(context.Background())
	return f
}

// within asks them to end now and gives them so long. Asked again, the earlier end counts.
func (f *farewell) within(grace time.Duration) {
	f.begin()
	f.mu.Lock()
	defer f.mu.Unlock()
	deadline := time.Now().Add(grace)
	if f.timer == nil {
		f.timer, f.deadline = time.AfterFunc(grace, f.cut), deadline
	} else if deadline.Before(f.deadline) {
		f.timer.Reset(grace)
		f.deadline = deadline
	}
}

func (f *farewell) begun() bool { return f.soft.Err() != nil }

// wait sleeps; false when the farewell has begun by then.
func (f *farewell) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return !f.begun()
	case <-f.soft.Done():
		return false
	}
}

// over releases what the farewell holds, once nobody is left to end.
func (f *farewell) over() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
	}
	f.begin()
	f.cut()
}
