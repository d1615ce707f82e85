package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/oip"
	"resnet-autoscaling/internal/picture"
)

// question is a request and how to tell its right answer.
type question struct {
	what        string
	path        string
	contentType string
	header      map[string]string
	body        []byte
	status      int
	// right is "" for the right answer, and else what is wrong with it.
	right func(body []byte) string
}

// photograph is a sample picture whose label is known.
type photograph struct {
	name, synset string
	data         []byte
}

// quiz makes questions. One goroutine at a time may ask; answers may be checked from any.
type quiz struct {
	random *rand.Rand
	photos []photograph

	mu    sync.Mutex
	first map[string]string // the first answer to what is asked again
}

// newQuiz reads the sample pictures whose labels are known.
func newQuiz(dir string, random *rand.Rand) (*quiz, error) {
	labels, err := os.Open(filepath.Join(dir, "labels.csv"))
	if err != nil {
		return nil, err
	}
	defer labels.Close()
	rows, err := csv.NewReader(labels).ReadAll()
	if err != nil {
		return nil, err
	}
	q := &quiz{random: random, first: map[string]string{}}
	for _, row := range rows[1:] {
		data, err := os.ReadFile(filepath.Join(dir, row[0]))
		if err != nil {
			return nil, err
		}
		q.photos = append(q.photos, photograph{row[0], row[1], data})
	}
	if !slices.ContainsFunc(q.photos, func(p photograph) bool { return picture.IsJPEG(p.data) }) {
		return nil, fmt.Errorf("no JPEG in %s has a label", dir)
	}
	return q, nil
}

// ask makes the nth question: mostly a picture in one of the ways that there are to send one, and sometimes a mistake, which has to be refused
// as one.
func (q *quiz) ask(n int) question {
	p := q.photos[q.random.IntN(len(q.photos))]
	switch at := q.random.IntN(100); {
	case at < 40:
		return q.asBody(p, n)
	case at < 75:
		return q.inForm(p)
	case at < 93:
		return q.inference(p)
	}
	return q.mistake(p)
}

func (q *quiz) asBody(p photograph, n int) question {
	k := 1 + q.random.IntN(5)
	body := p.data
	if picture.IsJPEG(body) {
		body = unique(body, n)
	}
	return question{
		what: "body " + p.name, path: fmt.Sprintf("%s?top_k=%d", api.PathPredict, k), contentType: "application/octet-stream", body: body, status: http.StatusOK,
		right: func(body []byte) string { return q.predicted(p, k, body) },
	}
}

// unique puts a comment behind the marker that a JPEG begins with, so that no two requests have the same body.
func unique(data []byte, n int) []byte {
	comment := fmt.Sprintf("request %d", n)
	return slices.Concat(data[:2], []byte{0xFF, 0xFE, 0, byte(2 + len(comment))}, []byte(comment), data[2:])
}

const formType = "multipart/form-data; boundary=edge"

func (q *quiz) inForm(p photograph) question {
	head := fmt.Sprintf("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=%q\r\n\r\n", p.name)
	return question{
		what: "form " + p.name, path: api.PathPredict + "?top_k=3", contentType: formType, status: http.StatusOK,
		body:  slices.Concat([]byte(head), p.data, []byte("\r\n--edge--\r\n")),
		right: func(body []byte) string { return q.predicted(p, 3, body) },
	}
}

// inference asks by the Open Inference Protocol, for the whole logits.
func (q *quiz) inference(p photograph) question {
	tensor := append(binary.LittleEndian.AppendUint32(nil, uint32(len(p.data))), p.data...)
	head := fmt.Appendf(nil, `{"inputs":[{"name":%q,"shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":%d}}]}`, oip.ImageInput, len(tensor))
	return question{
		what: "inference " + p.name, path: api.PathV2 + "/models/resnet18/infer", contentType: "application/octet-stream", status: http.StatusOK,
		header: map[string]string{oip.HeaderLength: fmt.Sprint(len(head))}, body: append(head, tensor...),
		right: func(body []byte) string { return q.alike("inference "+p.name, string(body)) },
	}
}

// predicted checks a label, and that the same picture gets the same probabilities every time.
func (q *quiz) predicted(p photograph, k int, body []byte) string {
	var a api.PredictResponse
	if err := json.Unmarshal(body, &a); err != nil || len(a.Predictions) != k {
		return fmt.Sprintf("not %d predictions: %.200s", k, body)
	}
	if a.Predictions[0].Synset != p.synset {
		return fmt.Sprintf("%s, not %s", a.Predictions[0].Synset, p.synset)
	}
	return q.alike("prediction of "+p.name, fmt.Sprint(a.Predictions[0]))
}

// alike compares an answer with the first one to the same question: a model computes the same every time.
func (q *quiz) alike(what, answer string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	first, known := q.first[what]
	if !known {
		q.first[what] = answer
		return ""
	}
	if first != answer {
		return fmt.Sprintf("%s: %.200s, and the first answer was %.200s", what, answer, first)
	}
	return ""
}

// mistake is a request that has to be refused as its sender's.
func (q *quiz) mistake(p photograph) question {
	m := question{what: "mistake", path: api.PathPredict, contentType: "image/jpeg", body: p.data, status: http.StatusBadRequest, right: explained}
	switch q.random.IntN(5) {
	case 0:
		m.what, m.body = "cut picture", p.data[:len(p.data)/3]
	case 1:
		m.what, m.contentType, m.status = "text", "text/plain", http.StatusUnsupportedMediaType
	case 2:
		m.what, m.path = "bad parameter", api.PathPredict+"?top_k=0"
	case 3:
		m.what, m.body, m.status = "too large a body", make([]byte, 11<<20), http.StatusRequestEntityTooLarge
	case 4:
		m.what, m.contentType, m.body = "no picture", "application/octet-stream", []byte(strings.Repeat("no picture ", 20))
	}
	return m
}

// explained is how a refusal has to be: with a reason.
func explained(body []byte) string {
	var p api.Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Detail == "" {
		return fmt.Sprintf("refused without a reason: %.200s", bytes.TrimSpace(body))
	}
	return ""
}
