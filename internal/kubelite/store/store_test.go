package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/kubelite/store"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"pgregory.net/rapid"
)

const things = "things"

func newStore(history, limit int) *store.Store {
	s := store.New(store.Memory{Time: time.Hour, Changes: history}, time.Now)
	s.Table(things, limit)
	return s
}

func everything(store.Object) bool { return true }

// fataler is what tests and properties have in common.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// put writes an object with a word in it; the empty word deletes it.
func put(t fataler, s *store.Store, name, word string) store.Object {
	t.Helper()
	o, err := s.Change(things, store.Key{Name: name}, func(store.Object) (store.Object, error) {
		if word == "" {
			return nil, nil
		}
		e := &corev1.Event{Reason: word}
		e.Name = name
		return e, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func words(objects []store.Object) map[string]string {
	m := map[string]string{}
	for _, o := range objects {
		m[o.GetName()] = o.(*corev1.Event).Reason
	}
	return m
}

func TestRefusedAndEmptyChangesLeaveNoTrace(t *testing.T) {
	s := newStore(10, 0)
	put(t, s, "a", "one")
	_, before := s.List(things, everything)
	changed := s.Changed()
	broken := errors.New("no")
	if _, err := s.Change(things, store.Key{Name: "a"}, func(store.Object) (store.Object, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("the refusal came back as %v", err)
	}
	kept, err := s.Change(things, store.Key{Name: "a"}, func(current store.Object) (store.Object, error) { return current, nil })
	if err != nil || kept != s.Get(things, store.Key{Name: "a"}) {
		t.Errorf("%v, %v: want the object itself", kept, err)
	}
	put(t, s, "absent", "")
	if _, after := s.List(things, everything); after != before {
		t.Errorf("revision %d after %d, though nothing changed", after, before)
	}
	select {
	case <-changed:
		t.Error("a change was announced")
	default:
	}
	put(t, s, "a", "two")
	<-changed
}

func TestALimitPushesOutWhatWasWrittenLeastRecently(t *testing.T) {
	s := newStore(10, 2)
	put(t, s, "a", "1")
	put(t, s, "b", "1")
	put(t, s, "a", "2")
	put(t, s, "c", "1")
	objects, _ := s.List(things, everything)
	if got, want := words(objects), map[string]string{"a": "2", "c": "1"}; !maps.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
}

func TestASlowWatcherIsToldThatItLostTheThread(t *testing.T) {
	s := newStore(3, 0)
	slow, quick := s.Watch(things, 1, everything), s.Watch(things, 1, everything)
	for i := range 5 {
		put(t, s, "a", fmt.Sprint(i))
		if _, _, err := quick.Next(); err != nil {
			t.Fatalf("a watcher that reads everything: %v", err)
		}
	}
	if events, _, err := slow.Next(); !errors.Is(err, store.ErrExpired) || len(events) > 0 {
		t.Errorf("%d events, %v: want ErrExpired and no gap in silence", len(events), err)
	}
	_, last := s.List(things, everything)
	if events, _, err := s.Watch(things, last-3, everything).Next(); err != nil || len(events) != 3 {
		t.Errorf("the three changes that the log keeps: %d events, %v", len(events), err)
	}
}

// What is long ago is forgotten when something happens, however little has happened since.
func TestTheLogReachesBackForItsTime(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := store.New(store.Memory{Time: time.Minute, Changes: 100}, func() time.Time { return now })
	s.Table(things, 0)
	_, first := s.List(things, everything)
	put(t, s, "a", "0")
	now = now.Add(time.Minute)
	put(t, s, "a", "1")
	if events, _, err := s.Watch(things, first, everything).Next(); err != nil || len(events) != 2 {
		t.Errorf("after a minute: %d events, %v", len(events), err)
	}
	now = now.Add(time.Second)
	put(t, s, "a", "2")
	if events, _, err := s.Watch(things, first, everything).Next(); !errors.Is(err, store.ErrExpired) || len(events) > 0 {
		t.Errorf("and a second later: %d events, %v", len(events), err)
	}
	if events, _, err := s.Watch(things, first+1, everything).Next(); err != nil || len(events) != 2 {
		t.Errorf("those that it keeps: %d events, %v", len(events), err)
	}
}

// replay makes a watcher's events the state that they describe, and checks that each follows from the one before.
func replay(t fataler, state map[string]string, events []store.Event) {
	t.Helper()
	for _, e := range events {
		name := e.Object.GetName()
		_, known := state[name]
		if known == (e.Type == watch.Added) {
			t.Fatalf("%s of %s, known before: %v", e.Type, name, known)
		}
		state[name] = e.Object.(*corev1.Event).Reason
		if e.Type == watch.Deleted {
			delete(state, name)
		}
	}
}

// Whatever happens, a list and the events that follow it tell the same as a later list, for each selector.
func TestListAndWatchAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore(rapid.IntRange(5, 50).Draw(t, "history"), rapid.SampledFrom([]int{0, 2}).Draw(t, "limit"))
		match := func(o store.Object) bool { return o.(*corev1.Event).Reason < "m" }
		if rapid.Bool().Draw(t, "all") {
			match = everything
		}
		objects, revision := s.List(things, match)
		state, watcher := words(objects), s.Watch(things, revision, match)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			put(t, s, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"), rapid.SampledFrom([]string{"", "a", "b", "y", "z"}).Draw(t, "word"))
			if rapid.Bool().Draw(t, "pause") {
				continue
			}
			events, _, err := watcher.Next()
			if errors.Is(err, store.ErrExpired) {
				objects, revision = s.List(things, match)
				state, watcher = words(objects), s.Watch(things, revision, match)
				continue
			}
			replay(t, state, events)
			if objects, _ := s.List(things, match); !maps.Equal(state, words(objects)) {
				t.Fatalf("watched %v, listed %v", state, words(objects))
			}
		}
	})
}

func TestConcurrentChangesAreSeenInOneOrder(t *testing.T) {
	const writers, writes = 4, 200
	s := newStore(writers*writes, 0)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for j := range writes {
				put(t, s, fmt.Sprint("w", i), fmt.Sprint(j))
			}
		})
	}
	state, watcher, last := map[string]string{}, s.Watch(things, 1, everything), int64(1)
	for seen := 0; seen < writers*writes; {
		events, more, err := watcher.Next()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			revision, err := strconv.ParseInt(e.Object.GetResourceVersion(), 10, 64)
			if err != nil || revision <= last {
				t.Fatalf("revision %s after %d: %v", e.Object.GetResourceVersion(), last, err)
			}
			last = revision
		}
		replay(t, state, events)
		if seen += len(events); len(events) == 0 {
			<-more
		}
	}
	group.Wait()
	if objects, _ := s.List(things, everything); !maps.Equal(state, words(objects)) || !slices.Contains(slices.Collect(maps.Values(state)), fmt.Sprint(writes-1)) {
		t.Errorf("watched %v, listed %v", state, words(objects))
	}
}
