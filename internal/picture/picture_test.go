package picture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"resnet-autoscaling/internal/picture"

	"golang.org/x/image/tiff"
)

// corners is a picture whose four corners differ, so that every way of turning it shows: red and green on top, blue and white below.
func corners() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			c := color.RGBA{255, 0, 0, 255}
			switch {
			case x >= 24 && y < 16:
				c = color.RGBA{0, 255, 0, 255}
			case x < 24 && y >= 16:
				c = color.RGBA{0, 0, 255, 255}
			case x >= 24:
				c = color.RGBA{255, 255, 255, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

// exif is the smallest TIFF structure that holds an orientation.
func exif(order binary.AppendByteOrder, magic string, orientation uint16) []byte {
	b := order.AppendUint32([]byte(magic), 8)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, 274)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	return append(b, 0, 0, 0, 0, 0, 0)
}

func jpegWith(t testing.TB, exif []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, corners(), &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	segment := append([]byte("Exif\x00\x00"), exif...)
	app1 := append(binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(segment)+2)), segment...)
	return append(append([]byte{0xFF, 0xD8}, app1...), b.Bytes()[2:]...)
}

func pngWith(t testing.TB, exif []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, corners()); err != nil {
		t.Fatal(err)
	}
	chunk := append([]byte("eXIf"), exif...)
	framed := binary.BigEndian.AppendUint32(nil, uint32(len(exif)))
	framed = binary.BigEndian.AppendUint32(append(framed, chunk...), crc32.ChecksumIEEE(chunk))
	const afterHeader = 8 + 25
	out := append([]byte{}, b.Bytes()[:afterHeader]...)
	return append(append(out, framed...), b.Bytes()[afterHeader:]...)
}

// name is the colour near a corner of a picture.
func name(img image.Image, right, bottom bool) string {
	b := img.Bounds()
	x, y := b.Min.X+4, b.Min.Y+4
	if right {
		x = b.Max.X - 5
	}
	if bottom {
		y = b.Max.Y - 5
	}
	r, g, bl, _ := img.At(x, y).RGBA()
	high := func(v uint32) bool { return v > 0x8000 }
	switch {
	case high(r) && high(g):
		return "W"
	case high(r):
		return "R"
	case high(g):
		return "G"
	case high(bl):
		return "B"
	}
	return "?"
}

func TestOrientation(t *testing.T) {
	// What the stored corners RGBW (top left, top right, bottom left, bottom right) look like once turned; EXIF 2.32, tag 274.
	want := map[uint16]string{1: "RGBW", 2: "GRWB", 3: "WBGR", 4: "BWRG", 5: "RBGW", 6: "BRWG", 7: "WGBR", 8: "GWRB", 0: "RGBW", 9: "RGBW"}
	for o, corners := range want {
		for format, data := range map[string][]byte{
			"jpeg, little-endian": jpegWith(t, exif(binary.LittleEndian, "II*\x00", o)),
			"jpeg, big-endian":    jpegWith(t, exif(binary.BigEndian, "MM\x00*", o)),
			"png":                 pngWith(t, exif(binary.BigEndian, "MM\x00*", o)),
		} {
			t.Run(fmt.Sprint(o, " ", format), func(t *testing.T) {
				img, err := picture.Decode(data, 1e6)
				if err != nil {
					t.Fatal(err)
				}
				got := name(img, false, false) + name(img, true, false) + name(img, false, true) + name(img, true, true)
				if got != corners {
					t.Errorf("corners %s, want %s", got, corners)
				}
				if turned := o >= 5 && o <= 8; turned != (img.Bounds().Dy() == 48) {
					t.Errorf("bounds %v", img.Bounds())
				}
			})
		}
	}
}

func TestTransparencyIsWhite(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	img.SetNRGBA(0, 0, color.NRGBA{200, 0, 0, 0})
	img.SetNRGBA(1, 0, color.NRGBA{0, 0, 0, 128})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	got, err := picture.Decode(b.Bytes(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if r, g, bl, a := got.At(0, 0).RGBA(); r>>8 != 255 || g>>8 != 255 || bl>>8 != 255 || a>>8 != 255 {
		t.Errorf("transparent is %d %d %d %d, want white", r>>8, g>>8, bl>>8, a>>8)
	}
	if r, _, _, _ := got.At(1, 0).RGBA(); r>>8 != 127 {
		t.Errorf("half black on white is %d, want 127", r>>8)
	}
}

// However a picture is stored, it looks on white as the standard library composes it.
func TestTransparencyIsComposedAsTheStandardLibraryDoes(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 256, 64))
	for i := range img.Pix {
		img.Pix[i] = byte(i * i / 7)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	got, err := picture.Decode(b.Bytes(), 1e6)
	if err != nil {
		t.Fatal(err)
	}
	want := image.NewRGBA(img.Bounds())
	draw.Draw(want, want.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(want, want.Bounds(), img, image.Point{}, draw.Over)
	for y := range 64 {
		for x := range 256 {
			a, b := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA), want.RGBAAt(x, y)
			if max(a.R, b.R)-min(a.R, b.R) > 1 || max(a.G, b.G)-min(a.G, b.G) > 1 || max(a.B, b.B)-min(a.B, b.B) > 1 || a.A != 255 {
				t.Fatalf("at %d, %d: %v, want %v", x, y, a, b)
			}
		}
	}
}

// A picture's memory is what its pixels are limited for.
func TestHeavyPixelsAreAllowedInLesserNumbers(t *testing.T) {
	const side = 100
	rect := image.Rect(0, 0, side, side)
	inPNG := func(img image.Image) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	inTIFF := func(img image.Image) []byte {
		var b bytes.Buffer
		if err := tiff.Encode(&b, img, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	const frame, progressiveFrame = 0xC0, 0xC2
	// framed is a JPEG with another frame header: of what it claims, the pixels need not come.
	framed := func(marker byte, sampling ...byte) []byte {
		header := []byte{0xFF, marker, 0, byte(8 + 3*len(sampling)), 8, 0, side, 0, side, byte(len(sampling))}
		for i, s := range sampling {
			header = append(header, byte(i+1), s, 0)
		}
		startOfScan := []byte{0xFF, 0xDA, 0, 12}
		return slices.Concat([]byte{0xFF, 0xD8}, header, startOfScan)
	}
	for _, c := range []struct {
		name   string
		data   []byte
		weight int
	}{
		{"JPEG", framed(frame, 0x22, 0x11, 0x11), 1},
		{"JPEG in full colour", framed(frame, 0x11, 0x11, 0x11), 1},
		{"JPEG in CMYK", framed(frame, 0x11, 0x11, 0x11, 0x11), 2},
		{"progressive JPEG in grey", framed(progressiveFrame, 0x11), 1},
		{"progressive JPEG", framed(progressiveFrame, 0x22, 0x11, 0x11), 2},
		{"progressive JPEG in full colour", framed(progressiveFrame, 0x11, 0x11, 0x11), 4},
		{"progressive JPEG in CMYK", framed(progressiveFrame, 0x11, 0x11, 0x11, 0x11), 6},
		{"PNG", inPNG(image.NewNRGBA(rect)), 1},
		{"PNG in grey, 16 bits", inPNG(image.NewGray16(rect)), 1},
		{"PNG, 16 bits", inPNG(image.NewNRGBA64(rect)), 2},
		{"TIFF", inTIFF(image.NewNRGBA(rect)), 2},
		{"TIFF, 16 bits", inTIFF(image.NewNRGBA64(rect)), 4},
	} {
		var large *picture.TooLargeError
		_, err := picture.Decode(c.data, c.weight*side*side)
		if errors.As(err, &large) || (err != nil && !strings.Contains(c.name, "JPEG")) {
			t.Errorf("%s, just small enough: %v", c.name, err)
		}
		_, err = picture.Decode(c.data, c.weight*side*side-1)
		if !errors.As(err, &large) || large.MaxPixels != (c.weight*side*side-1)/c.weight || large.Heavy != (c.weight > 1) {
			t.Errorf("%s, too large: %v", c.name, err)
			continue
		}
		if told := strings.HasSuffix(err.Error(), "of its kind"); told != large.Heavy {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	whole := jpegWith(t, nil)
	var large *picture.TooLargeError
	if _, err := picture.Decode(whole, 48*32-1); !errors.As(err, &large) || large.Width != 48 || large.Height != 32 {
		t.Errorf("one pixel too many: %v", err)
	}
	if _, err := picture.Decode(whole, 48*32); err != nil {
		t.Errorf("just small enough: %v", err)
	}
	for cut := 3; cut < len(whole)-2; cut += 7 {
		if _, err := picture.Decode(whole[:cut], 1e6); !errors.Is(err, picture.ErrCorrupt) && !errors.Is(err, picture.ErrFormat) {
			t.Fatalf("cut to %d of %d bytes: %v", cut, len(whole), err)
		}
	}
	for _, text := range []string{"", "hello", "<html></html>"} {
		if _, err := picture.Decode([]byte(text), 1e6); !errors.Is(err, picture.ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever the bytes, Decode answers with a picture within the limit or one of its errors.
func FuzzDecode(f *testing.F) {
	f.Add(jpegWith(f, exif(binary.LittleEndian, "II*\x00", 6)))
	f.Add(pngWith(f, exif(binary.BigEndian, "MM\x00*", 3)))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPVP8 \x04\x00\x00\x00aaaa"))
	f.Add(exif(binary.LittleEndian, "II*\x00", 6))
	f.Add([]byte("BM\x1a\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 16
		img, err := picture.Decode(data, most)
		var large *picture.TooLargeError
		switch {
		case err == nil:
			if b := img.Bounds(); b.Empty() || b.Dx()*b.Dy() > most {
				t.Errorf("a picture of %v", b)
			}
		case !errors.Is(err, picture.ErrFormat) && !errors.Is(err, picture.ErrCorrupt) && !errors.As(err, &large):
			t.Errorf("an error of another kind: %v", err)
		}
	})
}
