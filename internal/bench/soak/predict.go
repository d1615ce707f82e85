package soak

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"

	"resnet-autoscaling/internal/api"
)

// What a request may get: one that is right may come while the queue is full, and so may one whose fault is found only behind it.
var (
	answered   = []Ending{http.StatusOK, http.StatusServiceUnavailable}
	undecoded  = []Ending{http.StatusBadRequest, http.StatusServiceUnavailable}
	inTimeOrIt = []Ending{http.StatusOK, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
)

// rushKind comes in rushes now and then.
const rushKind = "photo in a form"

func (m Material) kinds() []kind {
	return slices.Concat(m.good(), m.broken(), m.refused(), m.inference(), m.rude(), m.probes())
}

// good are pictures that have to be answered.
func (m Material) good() []kind {
	return []kind{
		{rushKind, 160, func(r *rand.Rand) errand { return inForm(pick(r, m.photos)) }},
		{"photo as the body", 160, func(r *rand.Rand) errand { return asBody(pick(r, m.photos), pick(r, bodyTypes)) }},
		{"photo in chunks", 20, func(r *rand.Rand) errand {
			e := asBody(pick(r, m.photos), "image/jpeg")
			e.chunked = true
			return e
		}},
		{"some of the labels", 20, func(r *rand.Rand) errand {
			e := asBody(pick(r, m.photos), "image/jpeg")
			query := "?top_k=" + strconv.Itoa(1+r.IntN(3))
			e.path, e.alike = e.path+query, e.alike+query
			return e
		}},
		{"other format", 60, func(r *rand.Rand) errand { return either(r, pick(r, m.others)) }},
		{"other size", 60, func(r *rand.Rand) errand { return either(r, pick(r, m.sizes)) }},
		{"largest", 6, func(r *rand.Rand) errand { return either(r, pick(r, m.huge)) }},
		{"turned by EXIF", 40, func(r *rand.Rand) errand { return either(r, pick(r, m.turned)) }},
		{"short deadline", 40, func(r *rand.Rand) errand {
			e := either(r, pick(r, m.photos))
			e.header, e.may = append(e.header, api.HeaderTimeout, strconv.Itoa(1+r.IntN(250))), inTimeOrIt
			return e
		}},
	}
}

// bodyTypes are what clients say of a picture that is the body; some say nothing, and curl says that it is a form.
var bodyTypes = []string{"image/jpeg", "image/png", "application/octet-stream", "", "application/x-www-form-urlencoded"}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

func either(r *rand.Rand, p Picture) errand {
	if r.IntN(2) == 0 {
		return inForm(p)
	}
	return asBody(p, "image/jpeg")
}

func asBody(p Picture, contentType string) errand {
	e := errand{message: message{method: http.MethodPost, path: api.PathPredict, body: p.Data}, may: answered, alike: p.Name}
	if contentType != "" {
		e.header = []string{"Content-Type", contentType}
	}
	return e
}

const formType = "multipart/form-data; boundary=edge"

func inForm(p Picture) errand {
	e := asBody(p, formType)
	e.body = formOf("file", p.Data)
	return e
}

func formOf(field string, data []byte) []byte {
	before := fmt.Sprintf("--edge\r\nContent-Disposition: form-data; name=%q; filename=\"picture\"\r\n\r\n", field)
	return slices.Concat([]byte(before), data, []byte("\r\n--edge--\r\n"))
}

// broken are bodies that look like pictures, or do not.
func (m Material) broken() []kind {
	whole := slices.Concat(m.photos, m.others)
	bad := func(r *rand.Rand, data []byte, more ...Ending) errand {
		return expect(either(r, Picture{Data: data}), append(more, undecoded...)...)
	}
	return []kind{
		{"cut picture", 50, func(r *rand.Rand) errand {
			data := pick(r, whole).Data
			return bad(r, data[:len(data)*(2+r.IntN(90))/100])
		}},
		{"damaged picture", 25, func(r *rand.Rand) errand {
			// It may show no damage, or claim to be larger.
			return bad(r, damaged(r, pick(r, whole).Data), http.StatusOK, http.StatusUnprocessableEntity)
		}},
		{"garbage", 40, func(r *rand.Rand) errand { return bad(r, noise(r, nil)) }},
		{"garbage behind a JPEG's first bytes", 15, func(r *rand.Rand) errand { return bad(r, noise(r, m.photos[0].Data[:20])) }},
	}
}

// damaged changes a few bytes somewhere.
func damaged(r *rand.Rand, data []byte) []byte {
	data = slices.Clone(data)
	for range 1 + r.IntN(20) {
		data[r.IntN(len(data))] = byte(r.Uint32())
	}
	return data
}

func noise(r *rand.Rand, head []byte) []byte {
	data := slices.Clone(head)
	for range 1 + r.IntN(100<<10) {
		data = append(data, byte(r.Uint32()))
	}
	return data
}
