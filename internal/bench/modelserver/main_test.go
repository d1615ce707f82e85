package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/testkit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"modelserver": main, "played-server": play})
}

func TestScripts(t *testing.T) {
	testkit.Scripts(t, testscript.Params{
		Condition: func(name string) (bool, error) {
			if name != "quotas" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			return setsQuotas(), nil
		},
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"first.jpg", "second.jpeg", "third.JPG"} {
				if err := os.WriteFile(filepath.Join(env.WorkDir, "images", name), jpegOf(t, 64+len(name)), 0o644); err != nil {
					return err
				}
			}
			return os.Chmod(filepath.Join(env.WorkDir, "bin/model-server"), 0o755)
		},
	})
}

// setsQuotas tells whether the kernel's CPU quotas can be set here.
func setsQuotas() (can bool) {
	err := stage.Open(slog.New(slog.DiscardHandler), func(s *stage.Stage) error { can = s.ByKernel(); return nil })
	return can && err == nil // it fails where this is not Linux
}

func jpegOf(t *testing.T, side int) []byte {
	t.Helper()
	var data bytes.Buffer
	if err := jpeg.Encode(&data, image.NewGray(image.Rect(0, 0, side, side)), nil); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

func TestNoTwoRequestsAreAlike(t *testing.T) {
	one := photo{name: "one.jpg", data: jpegOf(t, 32)}
	for _, a := range []asking{form, kserveV1, inferenceV2} {
		seen := map[string]bool{}
		for number := range uint64(1000) {
			body := bodyOf(t, a, one, number)
			if seen[body] {
				t.Fatalf("%s: request %d repeats an earlier one", a.path, number)
			}
			seen[body] = true
		}
	}
}

func bodyOf(t *testing.T, a asking, p photo, number uint64) string {
	t.Helper()
	request, err := a.request("http://127.0.0.1", p, number)
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	n, err := io.Copy(&body, request.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n != request.ContentLength {
		t.Fatalf("%s: the body has %d bytes and says %d", a.path, n, request.ContentLength)
	}
	return body.String()
}

func TestMarkedPicturesKeepTheirPixels(t *testing.T) {
	p := jpegOf(t, 32)
	m := mark(1<<64 - 1)
	if length := int(m[2])<<8 | int(m[3]); length != len(m)-2 {
		t.Errorf("the comment says that it has %d bytes behind its marker, and has %d", length, len(m)-2)
	}
	marked := slices.Concat(p[:2], m[:], p[2:])
	if _, err := jpeg.Decode(bytes.NewReader(marked)); err != nil {
		t.Errorf("a marked picture is no JPEG any more: %v", err)
	}
	if !(photo{data: marked}).upright() {
		t.Error("a marked picture is taken for a turned one")
	}
}
