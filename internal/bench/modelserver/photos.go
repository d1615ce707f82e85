package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"resnet-autoscaling/internal/picture"
)

// photo is a JPEG that is sent.
type photo struct {
	name string
	data []byte
}

// upright tells whether the picture needs no turning: not every peer reads the orientation.
func (p photo) upright() bool { return picture.OrientationOf(p.data, "jpeg") == picture.Upright }

// markLength is the length of what marked puts into a picture.
const markLength = 12

// mark is a JPEG comment with a number, to be put behind a picture's first two bytes. With it no two requests carry the same
// bytes, and no server can answer one from memory.
func mark(number uint64) [markLength]byte {
	m := [markLength]byte{0xFF, 0xFE, 0, markLength - 2}
	binary.BigEndian.PutUint64(m[4:], number)
	return m
}

// loadPhotos reads every JPEG of a folder, in the order of their names.
func loadPhotos(dir fs.FS) ([]photo, error) {
	photos, err := loadPictures(dir, func(name string) bool {
		extension := strings.ToLower(path.Ext(name))
		return extension == ".jpg" || extension == ".jpeg"
	})
	if err != nil {
		return nil, err
	}
	for _, p := range photos {
		if !picture.IsJPEG(p.data) {
			return nil, fmt.Errorf("%s is not a JPEG", p.name)
		}
	}
	if len(photos) == 0 {
		return nil, errors.New("must hold JPEGs (.jpg, .jpeg)")
	}
	return photos, nil
}

// loadPictures reads the files of a folder whose names are wanted, in the order of their names.
func loadPictures(dir fs.FS, wanted func(name string) bool) ([]photo, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	var all []photo
	for _, e := range entries {
		if e.IsDir() || !wanted(e.Name()) {
			continue
		}
		data, err := fs.ReadFile(dir, e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, photo{name: e.Name(), data: data})
	}
	return all, nil
}
