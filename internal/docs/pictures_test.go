package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	pictureTag  = regexp.MustCompile(`(?s)<(?:img|source)\b[^>]*>`)
	pictureFile = regexp.MustCompile(`\b(?:src|srcset)="([^"]+)"`)
	altText     = regexp.MustCompile(`\balt="[^"]{20,}"`)
)

// largestPicture is what a picture may weigh, in bytes: whoever opens README.md loads it.
const largestPicture = 150_000

// README.md's pictures are there, are light, and are told in words to who does not see them.
func TestPicturesAreThereAndTold(t *testing.T) {
	tags := pictureTag.FindAllString(readme, -1)
	if len(tags) < 4 {
		t.Errorf("only %d pictures", len(tags))
	}
	for _, tag := range tags {
		file := pictureFile.FindStringSubmatch(tag)
		if file == nil {
			t.Errorf("%s names no file", tag)
			continue
		}
		info, err := os.Stat(filepath.Join(root, file[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Size() > largestPicture {
			t.Errorf("%s weighs %d bytes, and may weigh %d", file[1], info.Size(), largestPicture)
		}
		if strings.HasPrefix(tag, "<img") && !altText.MatchString(tag) {
			t.Errorf("%s is not told in words", file[1])
		}
	}
}
