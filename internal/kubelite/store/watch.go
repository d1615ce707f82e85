package store

import (
	"fmt"
	"sort"
	"strconv"

	"k8s.io/apimachinery/pkg/watch"
)

// Event is a change as one watcher sees it.
type Event struct {
	Type   watch.EventType
	Object Object
}

// Watcher reads a table's log. It holds no events of its own: one that reads too slowly falls off the end of the log and is
// told ErrExpired, so the memory of a store does not depend on its watchers. For one goroutine.
type Watcher struct {
	store *Store
	table *table
	match func(Object) bool
	after int64
}

// Watch follows a table from the first change after a revision on, through the eyes of match.
func (s *Store) Watch(name string, after int64, match func(Object) bool) *Watcher {
	return &Watcher{store: s, table: s.tables[name], match: match, after: after}
}

// Revision is how far the watcher has read.
func (w *Watcher) Revision() int64 { return w.after }

// Next returns what happened since the last call, and a channel that closes when there may be more.
func (w *Watcher) Next() ([]Event, <-chan struct{}, error) {
	changes, more, err := w.read()
	var events []Event
	for _, c := range changes {
		if e, ok := w.see(c); ok {
			events = append(events, e)
		}
	}
	return events, more, err
}

func (w *Watcher) read() ([]change, <-chan struct{}, error) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	t := w.table
	if w.after < t.dropped {
		return nil, nil, fmt.Errorf("%w: %d (%d)", ErrExpired, w.after, t.dropped)
	}
	first := sort.Search(len(t.log), func(i int) bool { return t.log[i].revision > w.after })
	changes := append([]change(nil), t.log[first:]...)
	w.after = max(w.after, w.store.revision)
	return changes, w.store.changed, nil
}

// see turns a change into the event of a watcher with a selector: an object that begins to match was added for it, one that
// no longer does was deleted.
func (w *Watcher) see(c change) (Event, bool) {
	before, after := c.old != nil && w.match(c.old), c.new != nil && w.match(c.new)
	switch {
	case before && after:
		return Event{watch.Modified, c.new}, true
	case after:
		return Event{watch.Added, c.new}, true
	case before:
		gone := c.old.DeepCopyObject().(Object)
		gone.SetResourceVersion(strconv.FormatInt(c.revision, 10))
		return Event{watch.Deleted, gone}, true
	}
	return Event{}, false
}
