package testkit

import (
	"testing"
	"time"
)

// patience is for machines that are loaded beyond reason: what comes to pass at all comes to pass long before.
const patience = time.Minute

// Eventually waits until is says so. what tells, where it never does, what was waited for.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass within %v: %s", patience, what)
		}
	}
}
