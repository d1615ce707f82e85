package kube

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
)

// eventSource is the component that an autoscaler's Events name, in every process that writes or reads them.
const eventSource = "autoscaler"

// DecisionLog is what an autoscaler did to a Deployment, read from the Events that it writes, wherever it runs.
type DecisionLog struct {
	deployment *Deployment
	log        *slog.Logger
}

// DecisionLog is that of the autoscaler of this Deployment. It asks nothing yet.
func (d *Deployment) DecisionLog(log *slog.Logger) *DecisionLog { return &DecisionLog{d, log} }

// Follow tells each decision once, those that the API server still knows first and in their order, until ctx ends. Times are as exact as
// an Event's: whole seconds. While they cannot be read it tries again: it says so in the log, once, and when it is over, and tells it
// to readable each time it notices.
func (l *DecisionLog) Follow(ctx context.Context, decided func(at time.Time, decision string), readable func(bool)) {
	l.deployment.followEvents(ctx, &decisionStore{decided: decided}, l.log, func(err error) { readable(err == nil) })
}

// Decisions tells what an autoscaler did to the Deployment after a time until ctx ends, or until it cannot be read: then it says why.
func (d *Deployment) Decisions(ctx context.Context, since time.Time, tell func(at time.Time, decision string)) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var trouble error
	d.followEvents(ctx, &decisionStore{since: since.Truncate(time.Second), decided: tell}, slog.New(slog.DiscardHandler), func(err error) {
		if err != nil && trouble == nil {
			trouble = fmt.Errorf("watch the events of deployment %s/%s: %w", d.namespace, d.name, err)
			end()
		}
	})
	return trouble
}

func (d *Deployment) followEvents(ctx context.Context, store *decisionStore, log *slog.Logger, well func(error)) {
	selected := func(o metav1.ListOptions) metav1.ListOptions {
		o.FieldSelector = fields.OneTermEqualSelector("involvedObject.name", d.name).String()
		return o
	}
	l := &link{
		ask: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return d.events.List(ctx, selected(o))
		},
		open: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return d.events.Watch(ctx, selected(o))
		},
		well: well, log: log.With("deployment", d.name, "namespace", d.namespace),
		lost: "the autoscaler's decisions cannot be read", back: "the autoscaler's decisions are read again",
		right: "list and watch on events in namespace " + d.namespace,
	}
	l.follow(ctx, "decisions", &corev1.Event{}, store)
}

// decisionStore is what the reflector fills: it keeps only which of the Events that there are were told. Only the reflector's one
// goroutine calls it.
type decisionStore struct {
	since   time.Time
	decided func(at time.Time, decision string)
	told    map[string]bool
}

// Add is Update.
func (s *decisionStore) Add(o any) error { return s.Update(o) }

// Update tells a decision that was not told yet.
func (s *decisionStore) Update(o any) error {
	e, err := asEvent(o)
	if err == nil {
		s.tell(e)
	}
	return err
}

// Delete forgets an Event whose time is up.
func (s *decisionStore) Delete(o any) error {
	e, err := asEvent(o)
	if err == nil {
		delete(s.told, e.Name)
	}
	return err
}

// Replace tells those of all the Events that were not told yet, and forgets those that are no more.
func (s *decisionStore) Replace(list []any, _ string) error {
	events := make([]*corev1.Event, len(list))
	for i, o := range list {
		var err error
		if events[i], err = asEvent(o); err != nil {
			return err
		}
	}
	slices.SortFunc(events, inOrder)
	before := s.told
	s.told = make(map[string]bool, len(events))
	for _, e := range events {
		if before[e.Name] {
			s.told[e.Name] = true
		}
		s.tell(e)
	}
	return nil
}

// Resync has nothing to repair: every change is told.
func (s *decisionStore) Resync() error { return nil }

func (s *decisionStore) tell(e *corev1.Event) {
	if e.Source.Component == eventSource && !e.LastTimestamp.Time.Before(s.since) && !s.told[e.Name] {
		s.told[e.Name] = true
		s.decided(e.LastTimestamp.Time, e.Message)
	}
}

// inOrder puts Events of one second in the order in which they were written, where their versions tell it.
func inOrder(a, b *corev1.Event) int {
	written, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	if err != nil {
		written = 0
	}
	return cmp.Or(a.LastTimestamp.Time.Compare(b.LastTimestamp.Time), written)
}

func asEvent(o any) (*corev1.Event, error) {
	e, ok := o.(*corev1.Event)
	if !ok {
		return nil, fmt.Errorf("watch events: got a %T", o)
	}
	return e, nil
}
