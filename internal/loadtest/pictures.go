package loadtest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/picture"
)

// LoadPictures reads every picture of a folder, in the order of their names. Other files are passed over.
func LoadPictures(dir fs.FS) ([]Picture, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	var pictures []Picture
	for _, e := range entries {
		if e.IsDir() || !picture.HasName(e.Name()) {
			continue
		}
		one, err := LoadPicture(dir, e.Name())
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, one...)
	}
	return pictures, nil
}

// LoadPicture reads one file, whatever its name says it is.
func LoadPicture(dir fs.FS, name string) ([]Picture, error) {
	data, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	if err := command.Check(len(data) > 0, "--images", name, "must not be an empty file"); err != nil {
		return nil, err
	}
	return []Picture{{Name: name, ContentType: contentType(data), Data: data}}, nil
}

// contentType goes by the bytes: TIFF is the one of our formats that the standard sniffing does not know.
func contentType(data []byte) string {
	if sniffed := http.DetectContentType(data); strings.HasPrefix(sniffed, "image/") {
		return sniffed
	}
	return "application/octet-stream"
}

// Expect reads "file,synset" lines and notes on each picture which label it should get. Pictures that are not listed go unchecked.
func Expect(pictures []Picture, labels io.Reader) error {
	rows, err := csv.NewReader(labels).ReadAll()
	if err != nil {
		return fmt.Errorf("labels: %w", err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], []string{"file", "synset"}) {
		return errors.New("labels: the first line must be file,synset")
	}
	synsets := map[string]string{}
	for _, row := range rows[1:] {
		synsets[row[0]] = row[1]
	}
	found := 0
	for i := range pictures {
		pictures[i].Synset = synsets[pictures[i].Name]
		if pictures[i].Synset != "" {
			found++
		}
	}
	if found == 0 {
		return errors.New("labels: none of the files they name is among the pictures")
	}
	return nil
}
