// Package store keeps the objects of a small Kubernetes API: a map and a log of the latest changes for each kind, and one
// counter over all. It knows neither HTTP nor what an object means.
package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ErrExpired: the revision asked for is older than the log reaches. List again, and go on from there.
var ErrExpired = errors.New("too old resource version")

// Object is any API object. One that is in the store never changes: copy before you write.
type Object interface {
	runtime.Object
	metav1.Object
}

// Key names an object within its table.
type Key struct{ Namespace, Name string }

// KeyOf is the key of an object.
func KeyOf(o Object) Key { return Key{o.GetNamespace(), o.GetName()} }

// Memory is how far the logs of a store reach back: for so long, and for so many changes of each table at most.
type Memory struct {
	Time    time.Duration
	Changes int
}

// change is one entry of a log: an object before and after; nil where it did not, or does not, exist.
type change struct {
	revision int64
	at       time.Time
	old, new Object
}

type table struct {
	objects map[Key]Object
	limit   int // objects at most; 0: any number
	log     []change
	dropped int64 // revision of the newest change that has left the log
}

// Store is safe for use by any number of goroutines.
type Store struct {
	mu       sync.Mutex
	revision int64
	memory   Memory
	now      func() time.Time
	tables   map[string]*table
	changed  chan struct{}
}

// New makes an empty store. now dates changes.
func New(m Memory, now func() time.Time) *Store {
	return &Store{revision: 1, memory: m, now: now, tables: map[string]*table{}, changed: make(chan struct{})}
}

// Table adds a table. With a limit above 0, a new object beyond it pushes out the one that was written least recently.
func (s *Store) Table(name string, limit int) {
	s.tables[name] = &table{objects: map[Key]Object{}, limit: limit}
}

// Get returns an object, or nil where there is none.
func (s *Store) Get(name string, key Key) Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables[name].objects[key]
}

// List returns the objects that match, by namespace and name, and the revision they are of.
func (s *Store) List(name string, match func(Object) bool) ([]Object, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Object{}
	for _, o := range s.tables[name].objects {
		if match(o) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return found, s.revision
}

// Change replaces an object by what decide makes of the current one (nil: absent, to create; a nil result: to delete), as one
// step that no other change can come between. The current object itself as the result changes nothing. The store owns the
// result and gives it its resourceVersion. decide must be quick and must not call the store.
func (s *Store) Change(name string, key Key, decide func(current Object) (Object, error)) (Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[name]
	current := t.objects[key]
	next, err := decide(current)
	if err != nil || next == current {
		return next, err
	}
	s.write(t, key, current, next)
	if t.limit > 0 && len(t.objects) > t.limit {
		oldest := t.oldest()
		s.write(t, KeyOf(oldest), oldest, nil)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return next, nil
}

func (s *Store) write(t *table, key Key, current, next Object) {
	s.revision++
	if next == nil {
		delete(t.objects, key)
	} else {
		next.SetResourceVersion(strconv.FormatInt(s.revision, 10))
		t.objects[key] = next
	}
	now := s.now()
	t.log = append(t.log, change{s.revision, now, current, next})
	for len(t.log) > s.memory.Changes || now.Sub(t.log[0].at) > s.memory.Time {
		t.dropped = t.log[0].revision
		t.log[0] = change{} // the slice's array lives on, its objects need not
		t.log = t.log[1:]
	}
}

func (t *table) oldest() Object {
	var oldest Object
	least := int64(-1)
	for _, o := range t.objects {
		if r := revisionOf(o); least < 0 || r < least {
			oldest, least = o, r
		}
	}
	return oldest
}

func revisionOf(o Object) int64 {
	r, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("store: %s/%s has resourceVersion %q, which the store never gave", o.GetNamespace(), o.GetName(), o.GetResourceVersion()))
	}
	return r
}

// Changed is a channel that the next change closes.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}
