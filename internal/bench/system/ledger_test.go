package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// whole is a request that was answered at its second try: its first broke while a dispatcher was dead.
func whole() entry {
	return entry{ID: "soak-1", Due: time.Second, End: answered, Tries: []try{
		{From: time.Second, To: 2 * time.Second, Why: "connection reset"}, {From: 3 * time.Second, To: 4 * time.Second, Status: 200},
	}}
}

var dead = []window{{1500 * time.Millisecond, 1600 * time.Millisecond}}

func TestALedgerThatBalances(t *testing.T) {
	l := newLedger()
	l.send("soak-1", time.Second)
	l.enter(whole())
	want := balance{Sent: 1, Answered: 1, Resent: 1, Broken: 1, LongestMS: 3000}
	got := l.balanced(dead)
	if !reflect.DeepEqual(got, want) || len(got.faults()) > 0 {
		t.Errorf("%+v, want %+v; faults %q", got, want, got.faults())
	}
}

// Each way in which a ledger may not balance is told.
func TestALedgerThatDoesNotBalance(t *testing.T) {
	for want, book := range map[string]func(l *ledger, e entry){
		"1 of 1 requests were never ended":        func(*ledger, entry) {},
		"1 of 1 requests were answered twice":     func(l *ledger, e entry) { l.enter(e); l.enter(e) },
		"1 of 1 requests were lost":               func(l *ledger, e entry) { e.End = lost; l.enter(e) },
		"1 of 1 requests were refused to the end": func(l *ledger, e entry) { e.End = refused; l.enter(e) },
		"1 of 1 requests were answered wrongly": func(l *ledger, e entry) {
			e.End, e.Fault = wrong, "a horn"
			l.enter(e)
		},
		"1 connections broke though no dispatcher was dead": func(l *ledger, e entry) {
			e.Tries[0].From, e.Tries[0].To = 10*time.Second, 11*time.Second
			l.enter(e)
		},
	} {
		l := newLedger()
		l.send("soak-1", time.Second)
		book(l, whole())
		if got := l.balanced(dead).faults(); !slices.Equal(got, []string{want}) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := newLedger().balanced(nil).faults(); !slices.Equal(got, []string{"nothing was sent"}) {
		t.Errorf("an empty ledger: %q", got)
	}
}

func TestComplaintsNameTheRequest(t *testing.T) {
	l := newLedger()
	l.send("soak-1", time.Second)
	e := whole()
	e.End, e.What = lost, "form truck.png"
	l.enter(e)
	if got := l.balanced(dead).Complaints; len(got) != 1 || !strings.HasPrefix(got[0], "soak-1 (form truck.png, due at 1.000s): lost after 2 tries and 3s") {
		t.Errorf("%q", got)
	}
}
