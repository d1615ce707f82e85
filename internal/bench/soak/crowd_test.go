package soak

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/resnet"
)

func somePicture(t *testing.T) Picture {
	t.Helper()
	var data bytes.Buffer
	if err := jpeg.Encode(&data, image.NewGray(image.Rect(0, 0, 80, 60)), nil); err != nil {
		t.Fatal(err)
	}
	return Picture{Name: "grey", Data: data.Bytes()}
}

func someMaterial(t *testing.T) Material {
	t.Helper()
	spec := resnet.Spec{Name: "resnet18", Input: resnet.Input{Name: "input", Resize: 256, Crop: 224}, Output: resnet.Output{Name: "logits"}}
	m, err := NewMaterial(spec, []Picture{somePicture(t)}, 30000)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryPictureThatIsMadeCanBeDecoded(t *testing.T) {
	m := someMaterial(t)
	all := slices.Concat(m.others, m.sizes, m.huge, m.turned)
	if len(all) < 20 {
		t.Fatalf("only %d pictures were made", len(all))
	}
	for _, p := range all {
		if _, err := picture.Decode(p.Data, 1<<30); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	for o, p := range m.turned {
		if got := picture.OrientationOf(p.Data, "jpeg"); int(got) != o+1 {
			t.Errorf("%s has orientation %d", p.Name, got)
		}
	}
	for i, data := range m.claims {
		var large *picture.TooLargeError
		if _, err := picture.Decode(data, 25e6); !errors.As(err, &large) {
			t.Errorf("claim %d: %v", i, err)
		}
	}
}

func TestMaterialNeedsAPhoto(t *testing.T) {
	turned := Picture{Name: "turned", Data: withOrientation(somePicture(t).Data, 6)}
	for name, pictures := range map[string][]Picture{"nothing": nil, "turned": {turned}, "a GIF": {{Name: "g", Data: []byte("GIF89a")}}} {
		if _, err := NewMaterial(resnet.Spec{}, pictures, 30000); err == nil || !strings.Contains(err.Error(), "upright") {
			t.Errorf("of %s: %v", name, err)
		}
	}
}

// sequence is what a seed makes of the kinds.
func sequence(t *testing.T, seed uint64, n int) (names []string, requests string) {
	t.Helper()
	c, err := newCrowd(Options{URL: "http://127.0.0.1", Seed: seed, Rush: 3}, someMaterial(t).kinds())
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		k := c.next()
		for range c.crowding(k) {
			e := k.make(c.random)
			names = append(names, k.name)
			requests += fmt.Sprintln(k.name, e.method, e.path, e.header, len(e.body), e.may)
		}
	}
	return names, requests
}

func TestTheSeedDecides(t *testing.T) {
	const n = 500
	_, one := sequence(t, 1, n)
	if _, again := sequence(t, 1, n); again != one {
		t.Error("the same seed sends something else the second time")
	}
	if _, other := sequence(t, 2, n); other == one {
		t.Error("another seed sends the same")
	}
}

func TestEveryKindComesItsTurnAndPhotosInRushes(t *testing.T) {
	names, _ := sequence(t, 1, 5000)
	for _, k := range someMaterial(t).kinds() {
		if !slices.Contains(names, k.name) {
			t.Errorf("%s never came", k.name)
		}
	}
	rush := strings.Repeat(rushKind+" ", 3)
	if !strings.Contains(strings.Join(names, " ")+" ", rush) {
		t.Error("there was no rush")
	}
}

func TestFaultsOfAnswers(t *testing.T) {
	c, err := newCrowd(Options{Timeout: 10 * time.Second}, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := errand{message: message{method: http.MethodPost, path: "/predict"}, may: answered, alike: "temple"}
	answer := func(label string) []byte { return fmt.Appendf(nil, `{"predictions":[%q]}`, label) }
	reason := []byte(`{"detail":"the queue is full"}`)
	for _, step := range []struct {
		name   string
		end    Ending
		body   []byte
		waited time.Duration
		says   string
	}{
		{"the first answer", 200, answer("church"), 0, ""},
		{"the same", 200, answer("church"), 0, ""},
		{"another", 200, answer("tench"), 0, "and the first answer was"},
		{"it may be full", 503, reason, 0, ""},
		{"full without a reason", 503, []byte("<html>"), 0, "without a reason"},
		{"a protocol's reason", 503, []byte(`{"error":"full"}`), 0, ""},
		{"it must not be refused", 400, reason, 0, "400 after 0s, not [200 503]"},
		{"it was not worked on in time", 504, reason, 9 * time.Second, ""},
		{"there was time for it", 504, reason, 7 * time.Second, "504 after 7s, not [200 503]"},
		{"it must not be lost", Lost, nil, 0, "lost after 0s, not [200 503]: broken"},
		{"it must not be shut out", Closed, nil, 0, "closed after 0s, not [200 503]"},
		{"it was cut short", Cut, nil, 0, ""},
	} {
		got := c.fault(e, ended{end: step.end, body: step.body, waited: step.waited, err: errors.New("broken")})
		if (got == "") != (step.says == "") || !strings.Contains(got, step.says) {
			t.Errorf("%s: %q, want %q", step.name, got, step.says)
		}
	}
	parameter := errand{message: e.message, may: []Ending{http.StatusBadRequest}}
	if got := c.fault(parameter, ended{end: 504, body: reason, waited: time.Minute}); !strings.Contains(got, "not [400]") {
		t.Errorf("what never queues was not worked on in time: %q", got)
	}
}
