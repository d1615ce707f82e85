package picture

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// BytesPerPixel of Pixels: red, green, blue, and one that means nothing.
const BytesPerPixel = 4

// Pixels are a decoded picture: rows from the top, BytesPerPixel bytes a pixel, no space between rows. The picture may have been
// scaled down while it was decoded, and is stored as its Orientation says.
type Pixels struct {
	Pix           []byte
	Width, Height int
	// FullWidth and FullHeight are the size of the picture before it was scaled, as it is stored.
	FullWidth, FullHeight int
	Orientation           Orientation
}

// Reset gives the pixels a size, and keeps their memory where that is enough.
func (p *Pixels) Reset(width, height int) {
	p.Width, p.Height = width, height
	n := width * height * BytesPerPixel
	// What one huge picture took is not kept for all the small ones after it.
	const keep = 16 << 20
	if n > cap(p.Pix) || cap(p.Pix) > keep && n <= keep {
		p.Pix = make([]byte, n)
	}
	p.Pix = p.Pix[:n]
}

// IsJPEG tells by the first bytes.
func IsJPEG(data []byte) bool { return bytes.HasPrefix(data, []byte{0xFF, 0xD8, 0xFF}) }

// HasName tells whether a file is a picture by its name.
func HasName(name string) bool {
	extensions := []string{".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"}
	return slices.Contains(extensions, strings.ToLower(path.Ext(name)))
}
