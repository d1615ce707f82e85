package kube

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/resourceversion"
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
	l.deployment.followEvents(ctx, &decisionTeller{decided: decided}, l.log, func(err error) { readable(err == nil) })
}

// Decisions tells what an autoscaler did to the Deployment after a time until ctx ends, or until it cannot be read: then it says why.
func (d *Deployment) Decisions(ctx context.Context, since time.Time, tell func(at time.Time, decision string)) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var trouble error
	d.followEvents(ctx, &decisionTeller{since: since.Truncate(time.Second), decided: tell}, slog.New(slog.DiscardHandler), func(err error) {
		if err != nil && trouble == nil {
			trouble = fmt.Errorf("watch the events of deployment %s/%s: %w", d.namespace, d.name, err)
			end()
		}
	})
	return trouble
}

func (d *Deployment) followEvents(ctx context.Context, tell *decisionTeller, log *slog.Logger, well func(error)) {
	l := &link[*corev1.Event, *corev1.EventList]{
		from: d.events, fields: fields.OneTermEqualSelector("involvedObject.name", d.name).String(), into: tell,
		well: well, log: log.With("deployment", d.name, "namespace", d.namespace),
		lost: "the autoscaler's decisions cannot be read", back: "the autoscaler's decisions are read again",
		resource: "events", namespace: d.namespace,
	}
	l.follow(ctx)
}

// decisionTeller tells each decision once. Of the Events that there are it keeps only which were told.
type decisionTeller struct {
	since   time.Time
	decided func(at time.Time, decision string)
	told    map[string]bool
}

func (t *decisionTeller) put(e *corev1.Event) {
	if e.Source.Component == eventSource && !e.LastTimestamp.Time.Before(t.since) && !t.told[e.Name] {
		t.told[e.Name] = true
		t.decided(e.LastTimestamp.Time, e.Message)
	}
}

func (t *decisionTeller) drop(e *corev1.Event) { delete(t.told, e.Name) }

// replace comes first of all, and after an absence: then some of the Events were told, and some of those that were told are no more.
func (t *decisionTeller) replace(events []*corev1.Event) {
	slices.SortFunc(events, inOrder)
	before := t.told
	t.told = make(map[string]bool, len(events))
	for _, e := range events {
		if before[e.Name] {
			t.told[e.Name] = true
		}
		t.put(e)
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
