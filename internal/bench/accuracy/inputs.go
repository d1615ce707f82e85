package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"resnet-autoscaling/internal/resnet"
)

// unknown is the truth of a picture that is of none of the model's classes.
const unknown = -1

type picture struct {
	path  string
	name  string // folder/file: what the reference calls it at its end
	truth int
}

type model struct {
	precisions      []string // fp32 first
	synsets, labels []string
}

func readModel(dir string) (m model, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "model.json"))
	if err != nil {
		return m, err
	}
	spec, err := resnet.ParseSpec(text)
	if err != nil {
		return m, err
	}
	m.precisions = slices.Sorted(maps.Keys(spec.Files))
	if text, err = os.ReadFile(filepath.Join(dir, spec.Labels)); err != nil {
		return m, err
	}
	labels, err := resnet.ParseLabels(string(text))
	if err != nil {
		return m, err
	}
	for _, l := range labels {
		m.synsets, m.labels = append(m.synsets, l.Synset), append(m.labels, l.Name)
	}
	return m, nil
}

// findPictures finds the JPEGs below dir. A picture's truth is the synset that its folder is named after, or that its own name begins with.
func findPictures(dir string, synsets []string) ([]picture, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	var found []picture
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		extension := strings.ToLower(filepath.Ext(path))
		if err != nil || entry.IsDir() || (extension != ".jpeg" && extension != ".jpg") {
			return err
		}
		folder := filepath.Base(filepath.Dir(path))
		named, _, _ := strings.Cut(entry.Name(), "_")
		truth := slices.Index(synsets, folder)
		if truth == unknown {
			truth = slices.Index(synsets, named)
		}
		found = append(found, picture{path: path, name: folder + "/" + entry.Name(), truth: truth})
		return nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("--data %s: no JPEG is there", dir)
	}
	return found, err
}

// readReference reads the reference's logits as probabilities. It has to know every picture.
func readReference(path string, pictures []picture, classes int) (answers, error) {
	var file struct {
		Logits map[string][]float64 `json:"logits"`
	}
	if err := readJSON(path, &file); err != nil {
		return answers{}, err
	}
	named := make(map[string][]float64, len(file.Logits))
	for key, logits := range file.Logits {
		named[filepath.Base(filepath.Dir(key))+"/"+filepath.Base(key)] = logits
	}
	a := answers{name: "reference"}
	for _, p := range pictures {
		logits := named[p.name]
		if len(logits) != classes {
			return a, fmt.Errorf("--reference %s has %d logits for %s, and the model has %d classes", path, len(logits), p.name, classes)
		}
		a.probabilities = append(a.probabilities, softmax(logits))
	}
	return a, nil
}

func softmax(logits []float64) []float64 {
	sum, highest := 0.0, slices.Max(logits)
	p := make([]float64, len(logits))
	for i, l := range logits {
		p[i] = math.Exp(l - highest)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
