package integration_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/image/tiff"
)

// podMemory is the limit that a model server has in deploy/, in MiB.
const podMemory = 512

// The largest pictures that are let in, of those that take the most memory, do not end the pod that they come to.
func TestTheLargestPicturesFitIntoAPod(t *testing.T) {
	url, pid := startServerIn(t, append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%dMiB", podMemory)), "model-server", "--cpu-limit=1", "--timeout=1m")
	for name, file := range heavyPictures(t) {
		for range 3 { // what one leaves behind is still there when the next comes
			answer, err := http.Post(url+"/predict", "", bytes.NewReader(file))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			body, _ := io.ReadAll(answer.Body) // the status is what counts
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s: %s", name, answer.Status, body)
			}
		}
		most := peakMemory(t, pid) >> 10
		t.Logf("after %s of %d kB the most was %d MiB", name, len(file)/1000, most)
		if most >= podMemory {
			t.Errorf("%s took the server to %d MiB", name, most)
		}
	}
	if limit := metric(t, url, "go_gc_gomemlimit_bytes", "") / (1 << 20); limit >= podMemory-50 || limit < podMemory/2 {
		t.Errorf("of %d MiB, Go takes %.0f: nothing is left for ONNX Runtime, or more than it needs", podMemory, limit)
	}
}

// heavyPictures have as many pixels as the default of --max-pixels allows, 25 million or the fraction of them that a kind may have.
func heavyPictures(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	encoded := func(name string, encode func(io.Writer) error) {
		var file bytes.Buffer
		if err := encode(&file); err != nil {
			t.Fatal(err)
		}
		files[name] = file.Bytes()
	}
	fast := png.Encoder{CompressionLevel: png.BestSpeed}
	deflate := &tiff.Options{Compression: tiff.Deflate}
	encoded("a PNG", func(w io.Writer) error { return fast.Encode(w, image.NewNRGBA(image.Rect(0, 0, 5000, 5000))) })
	encoded("a PNG with 16 bits a colour", func(w io.Writer) error { return fast.Encode(w, image.NewNRGBA64(image.Rect(0, 0, 5000, 2500))) })
	encoded("a TIFF", func(w io.Writer) error { return tiff.Encode(w, image.NewNRGBA(image.Rect(0, 0, 5000, 2500)), deflate) })
	encoded("a TIFF with 16 bits a colour", func(w io.Writer) error {
		return tiff.Encode(w, image.NewNRGBA64(image.Rect(0, 0, 2500, 2500)), deflate)
	})
	return files
}

// peakMemory is the most that a process was resident so far, in kB.
func peakMemory(t *testing.T, pid int) (peak int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if _, err := fmt.Sscan(value, &peak); err != nil {
				t.Fatal(err)
			}
			return peak
		}
	}
	t.Fatal("the kernel does not tell the most that a process was resident")
	return 0
}
