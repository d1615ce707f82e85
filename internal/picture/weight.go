package picture

import "image/color"

// weightOf is how many times the memory of most pixels, BytesPerPixel, those of a picture take while Go decodes it.
func weightOf(data []byte, format string, model color.Model) int {
	weight := 1
	if model == color.RGBA64Model || model == color.NRGBA64Model {
		weight = 2
	}
	switch format {
	case "tiff": // it may be one strip, which is inflated as a whole beside the picture
		return 2 * weight
	case "jpeg":
		return max(weight, (jpegBytes(data)+BytesPerPixel/2)/BytesPerPixel)
	}
	return weight
}

// jpegBytes are the bytes that Go's decoder holds for each pixel, by the frame header (ITU-T T.81, B.2.2): a sample for each component,
// which is less than one where it is subsampled; in a progressive file also a coefficient of 4 bytes for each; and all of CMYK once
// more, as it is put together. 0: there is no frame header.
func jpegBytes(data []byte) int {
	const (
		baseline, extended, progressive = 0xC0, 0xC1, 0xC2
		beforeComponents                = 6
		componentSize                   = 3
		cmyk                            = 4
	)
	for marker, body := range jpegSegments(data) {
		if marker < baseline || marker > progressive || len(body) < beforeComponents {
			continue
		}
		samples, most, count := 0, 1, 0
		for at := beforeComponents; at+componentSize <= len(body); at += componentSize {
			across, down := int(body[at+1]>>4), int(body[at+1]&15)
			samples, most, count = samples+across*down, max(most, across*down), count+1
		}
		each := 1
		if marker == progressive {
			each += 4
		}
		held := (samples*each + most - 1) / most
		if count == cmyk {
			held += BytesPerPixel
		}
		return held
	}
	return 0
}
