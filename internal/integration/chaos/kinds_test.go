package chaos_test

import (
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/testkit"
)

// kind is what the replicas are, and what is asked of them.
type kind struct {
	program string
	args    []string
	asks    func(t *testing.T, random *rand.Rand) asker
	// queueTimeout is ten times what one replica needs for a hundred questions.
	queueTimeout time.Duration
}

// asker makes the nth question. No two have the same body. Only one goroutine at a time may ask.
type asker func(n int) question

type question struct {
	path        string
	contentType string
	body        []byte
	right       func(api.PredictResponse) bool // whether it is this question that was answered
}

// The stand-ins take less time than a model server, so that eight of them can do more than two cores can dispatch under the race detector.
var standIns = kind{program: "replica", args: []string{"--service=6ms"}, asks: randomBodies, queueTimeout: 6 * time.Second}

// randomBodies are mostly as small as a thumbnail, and some as large as a photograph. The answer's label is the body's checksum.
func randomBodies(_ *testing.T, random *rand.Rand) asker {
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	return func(n int) question {
		size := 10_000 + random.IntN(2_000)
		if random.IntN(10) == 0 {
			size *= 10
		}
		from := random.IntN(len(noise) - size)
		body := binary.BigEndian.AppendUint64(make([]byte, 0, 8+size), uint64(n))
		body = append(body, noise[from:from+size]...)
		label := fmt.Sprintf("%08x", crc32.ChecksumIEEE(body))
		return question{api.PathPredict, "application/octet-stream", body, func(a api.PredictResponse) bool {
			return len(a.Predictions) == 1 && a.Predictions[0].Label == label
		}}
	}
}

// The model servers are told a quarter of a core each, as in minikube, so that they find the capacity that they have beside each other.
var modelServers = kind{program: "model-server", args: []string{"--cpu-limit=250m"}, asks: photographs, queueTimeout: 15 * time.Second}

// photographs are the sample JPEGs whose label is known, each with a comment that makes it unique.
func photographs(t *testing.T, random *rand.Rand) asker {
	list := readPhotographs(t)
	return func(n int) question {
		p, k := list[random.IntN(len(list))], 1+random.IntN(10)
		comment := fmt.Sprintf("request %d", n)
		// After the marker that every JPEG begins with: a comment's marker, and its length with that of the length itself.
		body := slices.Concat(p.data[:2], []byte{0xff, 0xfe, 0, byte(2 + len(comment))}, []byte(comment), p.data[2:])
		return question{fmt.Sprintf("%s?top_k=%d", api.PathPredict, k), "image/jpeg", body, func(a api.PredictResponse) bool {
			return len(a.Predictions) == k && a.Predictions[0].Synset == p.synset
		}}
	}
}

type photograph struct {
	data   []byte
	synset string
}

func readPhotographs(t *testing.T) (list []photograph) {
	t.Helper()
	images := filepath.Join(testkit.Root(t), "images")
	labels, err := os.Open(filepath.Join(images, "labels.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer labels.Close()
	rows, err := csv.NewReader(labels).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if !strings.HasSuffix(row[0], ".jpg") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(images, row[0]))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, photograph{data, row[1]})
	}
	if len(list) < 2 {
		t.Fatalf("only %d sample JPEGs have a label", len(list))
	}
	return list
}
