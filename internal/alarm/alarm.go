// Package alarm wakes more exactly than the runtime's timers, which may be a millisecond late while nothing else happens: they share
// the poller's wait, and that counts in whole milliseconds.
package alarm
