package main

import (
	"bytes"
	"encoding/binary"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"resnet-autoscaling/internal/testkit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"bench-dispatcher": main}) }

func TestScripts(t *testing.T) { testkit.Scripts(t, testscript.Params{}) }

// behindComments is what follows a JPEG's first marker and the comments behind it.
func behindComments(data []byte) []byte {
	data = data[2:]
	for data[0] == 0xFF && data[1] == 0xFE {
		data = data[2+int(binary.BigEndian.Uint16(data[2:])):]
	}
	return data
}

func TestAPaddedPictureIsStillOne(t *testing.T) {
	small, err := os.ReadFile(filepath.Join(testkit.Root(t), "images/church-st-peter.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{len(small) + 10, pictureSize, 200_000} {
		large := padded(small, size)
		if len(large) < size-4 || len(large) > size {
			t.Errorf("it has %d bytes, not %d", len(large), size)
		}
		if rest := behindComments(large); !bytes.Equal(rest, small[2:]) {
			t.Errorf("with %d bytes, its comments end elsewhere than they say", size)
		}
		if _, err := jpeg.Decode(bytes.NewReader(large)); err != nil {
			t.Errorf("with %d bytes it is no JPEG any more: %v", size, err)
		}
	}
}
