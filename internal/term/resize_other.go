//go:build !unix

package term

// onResize does nothing where no signal tells of it: the next frame, a second later, has the new size.
func onResize(func()) (undo func()) { return func() {} }
