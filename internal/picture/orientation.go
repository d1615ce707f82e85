package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"iter"

	"github.com/disintegration/imaging"
)

// Orientation is a picture's EXIF orientation (tag 274), 1 to 8: a camera stores the sensor's rows and says here how to turn them.
type Orientation int

// Upright: nothing is to be turned.
const Upright Orientation = 1

// Transposed tells whether rows become columns.
func (o Orientation) Transposed() bool { return o >= 5 }

// MirroredX tells whether the columns, as they are stored, run from right to left.
func (o Orientation) MirroredX() bool { return o == 2 || o == 3 || o == 7 || o == 8 }

// MirroredY tells whether the rows, as they are stored, run from the bottom up.
func (o Orientation) MirroredY() bool { return o == 3 || o == 4 || o == 6 || o == 7 }

// OrientationOf reads it from a file; Upright where there is none or it makes no sense.
func OrientationOf(data []byte, format string) Orientation {
	switch format {
	case "jpeg":
		return tiffOrientation(jpegEXIF(data))
	case "png":
		return tiffOrientation(pngEXIF(data))
	case "webp":
		return tiffOrientation(webpEXIF(data))
	case "tiff":
		return tiffOrientation(data)
	}
	return Upright
}

// upright undoes an EXIF orientation.
func upright(img image.Image, o Orientation) image.Image {
	switch o {
	case 2:
		return imaging.FlipH(img)
	case 3:
		return imaging.Rotate180(img)
	case 4:
		return imaging.FlipV(img)
	case 5:
		return imaging.Transpose(img)
	case 6:
		return imaging.Rotate270(img)
	case 7:
		return imaging.Transverse(img)
	case 8:
		return imaging.Rotate90(img)
	}
	return img
}

var exifHeader = []byte("Exif\x00\x00")

// jpegSegments are the segments before the scan (ITU-T T.81, B.1.1.4), by their markers. What is damaged ends them.
func jpegSegments(data []byte) iter.Seq2[byte, []byte] {
	const marker, startOfScan = 0xFF, 0xDA
	return func(yield func(byte, []byte) bool) {
		for at := 2; at+4 <= len(data) && data[at] == marker && data[at+1] != startOfScan; {
			if data[at+1] == marker { // a fill byte
				at++
				continue
			}
			size := int(binary.BigEndian.Uint16(data[at+2:]))
			end := at + 2 + size
			if size < 2 || end > len(data) || !yield(data[at+1], data[at+4:end]) {
				return
			}
			at = end
		}
	}
}

// jpegEXIF is the APP1 segment that holds EXIF.
func jpegEXIF(data []byte) []byte {
	const app1 = 0xE1
	for marker, body := range jpegSegments(data) {
		if marker == app1 && bytes.HasPrefix(body, exifHeader) {
			return body[len(exifHeader):]
		}
	}
	return nil
}

// pngEXIF walks the chunks (length, type, data, checksum) to eXIf.
func pngEXIF(data []byte) []byte {
	for at := 8; at+12 <= len(data); {
		size := int(binary.BigEndian.Uint32(data[at:]))
		if size > len(data)-at-12 {
			return nil
		}
		if string(data[at+4:at+8]) == "eXIf" {
			return data[at+8 : at+8+size]
		}
		at += 12 + size
	}
	return nil
}

// webpEXIF walks the RIFF chunks (type, length, data, padded to even) to EXIF.
func webpEXIF(data []byte) []byte {
	for at := 12; at+8 <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[at+4:]))
		if size > len(data)-at-8 {
			return nil
		}
		if string(data[at:at+4]) == "EXIF" {
			return bytes.TrimPrefix(data[at+8:at+8+size], exifHeader)
		}
		at += 8 + size + size%2
	}
	return nil
}

// tiffOrientation reads tag 274 of the first directory of a TIFF structure (TIFF 6.0, section 2), which EXIF is too.
func tiffOrientation(data []byte) Orientation {
	const (
		tagOrientation, typeShort = 274, 3
		entrySize                 = 12
	)
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return Upright
	}
	if len(data) < 8 {
		return Upright
	}
	directory := int64(order.Uint32(data[4:]))
	if directory+2 > int64(len(data)) {
		return Upright
	}
	entries := data[directory+2:]
	for range order.Uint16(data[directory:]) {
		if len(entries) < entrySize {
			return Upright
		}
		if order.Uint16(entries) == tagOrientation && order.Uint16(entries[2:]) == typeShort {
			if o := Orientation(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return Upright
		}
		entries = entries[entrySize:]
	}
	return Upright
}
