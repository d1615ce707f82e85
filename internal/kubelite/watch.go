package kubelite

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"resnet-autoscaling/internal/kubelite/kinds"
	"resnet-autoscaling/internal/kubelite/store"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	bookmarkInterval = 30 * time.Second
	// A client has so long to take a batch of events. One that does not is cut off; it comes back and lists.
	watchWriteTimeout = 30 * time.Second
	maxWatch          = time.Hour
)

// watchOptions are what a client asks of a watch.
type watchOptions struct {
	revision  int64         // after which the watch starts; 0: after what there is
	initial   bool          // begin with all that there is
	marked    bool          // say when that was all
	bookmarks bool          // say now and then how far the watch is
	timeout   time.Duration // after which the watch ends
}

func parseWatch(q url.Values) (watchOptions, error) {
	revision, err := parseRevision(q.Get("resourceVersion"))
	o := watchOptions{revision: revision, bookmarks: q.Get("allowWatchBookmarks") == "true", timeout: maxWatch}
	if err != nil {
		return o, err
	}
	o.initial = revision == 0
	if send := q.Get("sendInitialEvents"); send != "" {
		if match := q.Get("resourceVersionMatch"); match != string(metav1.ResourceVersionMatchNotOlderThan) {
			return o, apierrors.NewInvalid(metav1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", field.ErrorList{
				field.Forbidden(field.NewPath("resourceVersionMatch"), "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
			})
		}
		o.initial = send == "true"
		o.marked = o.initial && o.bookmarks
	}
	if text := q.Get("timeoutSeconds"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 {
			return o, apierrors.NewBadRequest(fmt.Sprintf("timeoutSeconds: Invalid value: %q: must be a whole number of seconds", text))
		}
		if seconds > 0 {
			o.timeout = min(maxWatch, time.Duration(seconds)*time.Second)
		}
	}
	return o, nil
}

// watch streams what happens to the objects of a collection until the client goes, its time is over, or the server stops.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, t target) error {
	tabular, err := wantsTable(r.Header.Get("Accept"))
	if err != nil {
		return err
	}
	q := r.URL.Query()
	o, err := parseWatch(q)
	if err != nil {
		return err
	}
	match, err := t.kind.Select(t.namespace, q.Get("labelSelector"), q.Get("fieldSelector"))
	if err != nil {
		return err
	}
	objects, present := s.api.store.List(t.kind.Table(), match)
	if o.revision > present {
		return tooLarge(o.revision, present)
	}
	if o.initial || o.revision == 0 {
		o.revision = present
	}
	out := &stream{kind: t.kind, now: s.o.Now, include: q.Get("includeObject"), tabular: tabular, out: json.NewEncoder(w), control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(http.StatusOK)
	if o.initial {
		if err := out.begin(objects, present, o.marked); err != nil {
			return nil // the client went away
		}
	}
	out.follow(r, s.api.store.Watch(t.kind.Table(), o.revision, match), o)
	return nil
}

// stream writes a watch's events in the form that its client wants.
type stream struct {
	kind    *kinds.Kind
	now     func() time.Time
	include string
	tabular bool
	out     *json.Encoder
	control *http.ResponseController
}

// event is one line of a watch.
type event struct {
	Type   watch.EventType `json:"type"`
	Object any             `json:"object"`
}

func (s *stream) begin(objects []kinds.Object, revision int64, marked bool) error {
	var events []event
	for _, o := range objects {
		events = append(events, s.event(store.Event{Type: watch.Added, Object: o}))
	}
	if marked {
		events = append(events, s.bookmark(revision, map[string]string{metav1.InitialEventsAnnotationKey: "true"}))
	}
	return s.send(events)
}

// follow passes on what the watcher sees. A client that is gone, or too slow, is not an error.
func (s *stream) follow(r *http.Request, watcher *store.Watcher, o watchOptions) {
	end := time.NewTimer(o.timeout)
	defer end.Stop()
	marks := time.NewTicker(bookmarkInterval)
	defer marks.Stop()
	for {
		seen, more, err := watcher.Next()
		if errors.Is(err, store.ErrExpired) {
			_ = s.send([]event{{watch.Error, statusOf(apierrors.NewResourceExpired(err.Error()))}})
			return
		}
		var events []event
		for _, e := range seen {
			events = append(events, s.event(e))
		}
		if s.send(events) != nil {
			return
		}
		select {
		case <-more:
		case <-marks.C:
			if o.bookmarks && s.send([]event{s.bookmark(watcher.Revision(), nil)}) != nil {
				return
			}
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (s *stream) send(events []event) error {
	// Where the connection knows no deadlines, the end of the request still ends the stream.
	_ = s.control.SetWriteDeadline(time.Now().Add(watchWriteTimeout))
	for _, e := range events {
		if err := s.out.Encode(e); err != nil {
			return err
		}
	}
	err := s.control.Flush()
	// HTTP/2 would cut the stream at the deadline even with nothing left to write.
	_ = s.control.SetWriteDeadline(time.Time{})
	return err
}

func (s *stream) event(e store.Event) event {
	if s.tabular {
		return event{e.Type, newTable(s.kind, metav1.ListMeta{ResourceVersion: e.Object.GetResourceVersion()}, []kinds.Object{e.Object}, s.include, s.now())}
	}
	return event{e.Type, s.kind.View(e.Object)}
}

// bookmark says how far the watch is, without an object.
func (s *stream) bookmark(revision int64, annotations map[string]string) event {
	text := strconv.FormatInt(revision, 10)
	if s.tabular {
		return event{watch.Bookmark, newTable(s.kind, metav1.ListMeta{ResourceVersion: text}, nil, s.include, s.now())}
	}
	o := s.kind.New()
	o.SetResourceVersion(text)
	o.SetAnnotations(annotations)
	return event{watch.Bookmark, o}
}
