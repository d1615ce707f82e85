package jpeg

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"resnet-autoscaling/internal/picture"

	"github.com/ebitengine/purego"
)

// Numbers of turbojpeg.h.
const (
	pixelsRGBX     = 2     // TJPF_RGBX
	flagStopOnWarn = 8192  // TJFLAG_STOPONWARNING
	flagLimitScans = 32768 // TJFLAG_LIMITSCANS: a small file with thousands of scans would take minutes
	eighths        = 8     // pictures can be scaled by M/8
	success        = 0
)

// ErrRefused: libjpeg-turbo does not decode it, or warns of damage. Another decoder may say more.
var ErrRefused = errors.New("libjpeg-turbo refuses it")

// Decoder decodes JPEGs, one at a time.
type Decoder struct {
	library *Library
	handle  uintptr
	// What the library writes about a picture. It lies here so that it has an address that stays.
	width, height, subsampling, colour int32
}

// NewDecoder makes a decoder; closing the library frees it.
func (l *Library) NewDecoder() (*Decoder, error) {
	d := &Decoder{library: l}
	if err := d.renew(); err != nil {
		return nil, err
	}
	l.decoders = append(l.decoders, d)
	return d, nil
}

// renew replaces what the library knows of this decoder.
func (d *Decoder) renew() error {
	d.free()
	if d.handle, _, _ = purego.SyscallN(d.library.initDecompress); d.handle == 0 {
		return fmt.Errorf("%w: %s has no memory for a decoder", ErrRefused, d.library.Name)
	}
	return nil
}

func (d *Decoder) free() {
	if d.handle != 0 {
		purego.SyscallN(d.library.destroy, d.handle)
		d.handle = 0
	}
}

// Decode writes a JPEG of at most maxPixels pixels into pixels, scaled down where that is faster and both sides stay at least least
// pixels. The error is a *picture.TooLargeError, wraps picture.ErrCorrupt where the file ends early, or else ErrRefused: damaged, CMYK,
// no JPEG.
func (d *Decoder) Decode(data []byte, least, maxPixels int, pixels *picture.Pixels) error {
	err := d.decode(data, least, maxPixels, pixels)
	if errors.Is(err, ErrRefused) || errors.Is(err, picture.ErrCorrupt) {
		// A file that ends in its header can leave a handle that refuses every file after it.
		return errors.Join(err, d.renew())
	}
	return err
}

func (d *Decoder) decode(data []byte, least, maxPixels int, pixels *picture.Pixels) error {
	if err := d.readHeader(data); err != nil {
		return err
	}
	width, height := int(d.width), int(d.height)
	if width > maxPixels/height {
		return &picture.TooLargeError{Width: width, Height: height, MaxPixels: maxPixels}
	}
	pixels.FullWidth, pixels.FullHeight = width, height
	pixels.Orientation = picture.OrientationOf(data, "jpeg")
	m := eighthsFor(min(width, height), least)
	pixels.Reset(scaled(width, m), scaled(height, m))
	runtime.LockOSThread() // the library keeps the words of a warning by thread
	defer runtime.UnlockOSThread()
	status, _, _ := purego.SyscallN(d.library.decompress2, d.handle,
		uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)),
		uintptr(unsafe.Pointer(unsafe.SliceData(pixels.Pix))), uintptr(pixels.Width), 0, uintptr(pixels.Height),
		pixelsRGBX, flagStopOnWarn|flagLimitScans)
	if int32(status) != success {
		return d.refused()
	}
	return nil
}

// refused is why the picture would not be decoded. That it ends early needs no other opinion, which would cost as much as a whole
// picture: whoever sends half pictures must not get more work than who sends whole ones.
func (d *Decoder) refused() error {
	why := d.library.lastError(d.handle)
	if strings.Contains(why, "Premature end") {
		return fmt.Errorf("%w: %s", picture.ErrCorrupt, why)
	}
	return fmt.Errorf("%w: %s", ErrRefused, why)
}

func (d *Decoder) readHeader(data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("%w: empty", ErrRefused)
	}
	if d.handle == 0 {
		if err := d.renew(); err != nil {
			return err
		}
	}
	d.width, d.height = 0, 0
	status, _, _ := purego.SyscallN(d.library.header, d.handle,
		uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)),
		uintptr(unsafe.Pointer(&d.width)), uintptr(unsafe.Pointer(&d.height)),
		uintptr(unsafe.Pointer(&d.subsampling)), uintptr(unsafe.Pointer(&d.colour)))
	if int32(status) != success || d.width <= 0 || d.height <= 0 {
		return fmt.Errorf("%w: its header", ErrRefused)
	}
	return nil
}

// eighthsFor is the M of the scale M/8 that decodes a picture fastest whose shorter side is to stay at least least. Only some scales have
// SIMD code in libjpeg-turbo: decoding to 6/8 takes 1.4 times as long as decoding all of the picture.
func eighthsFor(side, least int) int {
	for _, m := range []int{1, 2, 4} {
		if side*m >= least*eighths {
			return m
		}
	}
	return eighths
}

// scaled is a side scaled by m/8, rounded up, as libjpeg does.
func scaled(side, m int) int { return (side*m + eighths - 1) / eighths }
