// Package jpeg is the edge to libjpeg-turbo, which decodes JPEGs several times as fast as Go does, and scales them down while it
// decodes. The library is opened when the program starts, where there is one; nothing is linked.
package jpeg

import (
	"errors"
	"fmt"
	"os"

	"resnet-autoscaling/internal/command"

	"github.com/ebitengine/purego"
)

// Library is libturbojpeg, opened, and the decoders that were made with it.
type Library struct {
	Name                                         string
	initDecompress, destroy, header, decompress2 uintptr
	lastError                                    func(handle uintptr) string
	decoders                                     []*Decoder
}

// Close frees the decoders; none may be at work. The library stays in memory.
func (l *Library) Close() {
	for _, d := range l.decoders {
		d.free()
	}
	l.decoders = nil
}

// ErrNone: the system has no libturbojpeg.
var ErrNone = errors.New("no libturbojpeg: install it (Debian: libturbojpeg0) for faster decoding")

// names are what the library is called: the version of its interface that Linux distributions have, and macOS'.
var names = []string{"libturbojpeg.so.0", "libturbojpeg.so", "libturbojpeg.dylib", "/usr/local/lib/libturbojpeg.so.0", "/opt/libjpeg-turbo/lib64/libturbojpeg.so"}

// Open opens the library at path, or the system's where path is "". The error is a *command.Misuse for a path that does not hold it, and
// ErrNone where the system has none.
func Open(path string) (*Library, error) {
	if path == "" {
		for _, name := range names {
			if l, err := open(name); err == nil {
				return l, nil
			}
		}
		return nil, ErrNone
	}
	_, err := os.Stat(path)
	var l *Library
	if err == nil {
		l, err = open(path)
	}
	if err != nil {
		return nil, &command.Misuse{Flag: "--turbojpeg-lib", Value: path, Rule: fmt.Sprintf("must be libturbojpeg: %v", err)}
	}
	return l, nil
}

// open finds the functions of the TurboJPEG 2 interface, which version 3 still has.
func open(name string) (*Library, error) {
	handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	l := &Library{Name: name}
	var lastError uintptr
	for symbol, at := range map[string]*uintptr{
		"tjInitDecompress": &l.initDecompress, "tjDestroy": &l.destroy, "tjDecompressHeader3": &l.header, "tjDecompress2": &l.decompress2,
		"tjGetErrorStr2": &lastError,
	} {
		if *at, err = purego.Dlsym(handle, symbol); err != nil {
			return nil, errors.Join(err, purego.Dlclose(handle))
		}
	}
	purego.RegisterFunc(&l.lastError, lastError)
	return l, nil
}
