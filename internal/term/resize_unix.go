//go:build unix

package term

import (
	"os"
	"os/signal"
	"syscall"
)

// onResize calls redraw whenever the terminal says that its size has changed, until undo.
func onResize(redraw func()) (undo func()) {
	changed := make(chan os.Signal, 1)
	over := make(chan struct{})
	done := make(chan struct{})
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		defer close(done)
		for {
			select {
			case <-changed:
				redraw()
			case <-over:
				return
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		close(over)
		<-done
	}
}
