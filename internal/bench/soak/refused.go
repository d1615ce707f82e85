package soak

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"slices"

	"resnet-autoscaling/internal/api"
)

// overlong is a body beyond what a server takes by default, 10 MiB.
var overlong = make([]byte, 11<<20)

// refused are requests that a server has to refuse for what they ask, whatever the pictures.
func (m Material) refused() []kind {
	withHeader := func(e errand, name, value string) errand {
		e.header = append(e.header, name, value)
		return e
	}
	return []kind{
		{"not a picture's type", 20, func(r *rand.Rand) errand {
			return expect(asBody(pick(r, m.photos), pick(r, []string{"text/plain", "application/json", "video/mp4"})), http.StatusUnsupportedMediaType)
		}},
		{"large body of no picture's type", 5, func(r *rand.Rand) errand {
			return expect(asBody(pick(r, m.huge), "text/html"), http.StatusUnsupportedMediaType)
		}},
		{"broken form", 20, func(r *rand.Rand) errand {
			e := inForm(pick(r, m.photos))
			switch r.IntN(4) {
			case 0:
				e.header = []string{"Content-Type", "multipart/form-data"}
			case 1:
				e.body = formOf("picture", m.photos[0].Data)
			case 2:
				e.body = e.body[:len(e.body)/2]
			case 3:
				e.body = formOf("file", nil)
			}
			return expect(e, http.StatusBadRequest)
		}},
		{"empty body", 10, func(r *rand.Rand) errand { return expect(asBody(Picture{}, pick(r, bodyTypes)), http.StatusBadRequest) }},
		{"bad parameter", 20, func(r *rand.Rand) errand {
			e := asBody(pick(r, m.photos), "image/jpeg")
			if r.IntN(2) == 0 {
				e = withHeader(e, api.HeaderTimeout, pick(r, []string{"0", "-1", "soon"}))
			} else {
				e.path += "?top_k=" + pick(r, []string{"0", "-1", "1000000", "all"})
			}
			return expect(e, http.StatusBadRequest)
		}},
		{"too large a body", 6, func(r *rand.Rand) errand {
			e := asBody(Picture{Data: overlong}, "image/jpeg")
			switch r.IntN(3) {
			case 0:
				e.chunked = true
			case 1:
				e = withHeader(e, "Expect", "100-continue")
			}
			return expect(e, http.StatusRequestEntityTooLarge)
		}},
		{"too many pixels", 20, func(r *rand.Rand) errand {
			return expect(either(r, Picture{Data: pick(r, m.claims)}), http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
		}},
	}
}

// expect changes what may come of an errand. Its answers are not compared.
func expect(e errand, may ...Ending) errand {
	e.may, e.alike = may, ""
	return e
}

// claimed is a side that makes a picture too large, whatever the other one is.
const claimed = 60000

// claimingJPEG is a JPEG whose frame header (ITU-T T.81, B.2.2) claims too many rows and columns.
func claimingJPEG(data []byte) []byte {
	const marker, baseline, progressive = 0xFF, 0xC0, 0xC2
	claims := slices.Clone(data)
	for at := 2; at+9 <= len(claims) && claims[at] == marker; at += 2 + int(binary.BigEndian.Uint16(claims[at+2:])) {
		if kind := claims[at+1]; kind == baseline || kind == progressive {
			binary.BigEndian.PutUint16(claims[at+5:], claimed)
			binary.BigEndian.PutUint16(claims[at+7:], claimed)
			break
		}
	}
	return claims
}

// claimingBMP is the same of a BMP, whose BITMAPINFOHEADER has width and height behind its size.
func claimingBMP(data []byte) []byte {
	claims := slices.Clone(data)
	binary.LittleEndian.PutUint32(claims[18:], claimed)
	binary.LittleEndian.PutUint32(claims[22:], claimed)
	return claims
}
