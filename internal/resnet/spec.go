// Package resnet is what surrounds the network: a picture to its input tensor, its logits to ranked labels, and the model.json
// that says with which numbers.
package resnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Spec is a model folder's model.json.
type Spec struct {
	Name    string          `json:"name"`
	Version string          `json:"version"`
	Input   Input           `json:"input"`
	Output  Output          `json:"output"`
	Labels  string          `json:"labels"` // a file: a line for each class, in the order of the outputs
	Files   map[string]File `json:"files"`  // by precision: fp32, int8
}

// Input is how a picture becomes the network's input: [n,3,Crop,Crop], RGB planes of (x/255 − Mean)/Std.
type Input struct {
	Name   string     `json:"name"`
	Resize int        `json:"resize"` // the shorter side, in pixels
	Crop   int        `json:"crop"`   // the side of the centre square, in pixels
	Mean   [3]float32 `json:"mean"`
	Std    [3]float32 `json:"std"`
}

// Values is the length of one picture's tensor.
func (in Input) Values() int { return 3 * in.Crop * in.Crop }

// Output names the logits: [n,classes].
type Output struct {
	Name string `json:"name"`
}

// File is one ONNX file of the folder.
type File struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// ParseSpec reads and checks a model.json. An error names the member that is wrong.
func ParseSpec(data []byte) (Spec, error) {
	var s Spec
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Spec{}, fmt.Errorf("model.json: %w", err)
	}
	if err := s.check(); err != nil {
		return Spec{}, fmt.Errorf("model.json: %w", err)
	}
	return s, nil
}

func (s Spec) check() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(s.Name != "", "name is missing")
	need(s.Version != "", "version is missing")
	need(s.Input.Name != "", "input.name is missing")
	need(s.Output.Name != "", "output.name is missing")
	need(s.Input.Crop > 0, "input.crop is %d: must be above 0", s.Input.Crop)
	need(s.Input.Resize >= s.Input.Crop, "input.resize is %d: must be at least input.crop, %d", s.Input.Resize, s.Input.Crop)
	for c, std := range s.Input.Std {
		need(std > 0, "input.std[%d] is %v: must be above 0", c, std)
	}
	need(isFileName(s.Labels), "labels is %q: must name a file of the model's folder", s.Labels)
	need(len(s.Files) > 0, "files is empty: at least one precision is needed")
	for _, precision := range slices.Sorted(maps.Keys(s.Files)) {
		f := s.Files[precision]
		need(isFileName(f.File), "files.%s.file is %q: must name a file of the model's folder", precision, f.File)
		need(len(f.SHA256) == 64, "files.%s.sha256 is %q: must be 64 hex digits", precision, f.SHA256)
	}
	return errors.Join(errs...)
}

func isFileName(name string) bool {
	return name != "" && name == path.Base(name) && name != "." && name != ".."
}

// Precision chooses a file: the one asked for, or for "auto" the first of preferred that the folder has.
func (s Spec) Precision(asked string, preferred ...string) (string, error) {
	if asked != "auto" {
		preferred = []string{asked}
	}
	for _, p := range preferred {
		if _, ok := s.Files[p]; ok {
			return p, nil
		}
	}
	return "", fmt.Errorf("model %s has no %s file, only %s", s.Name, strings.Join(preferred, " or "),
		strings.Join(slices.Sorted(maps.Keys(s.Files)), " and "))
}

// Label is one class: its WordNet synset and its name.
type Label struct {
	Synset, Name string
}

// ParseLabels reads a labels file: synset, tab, label; a line for each class.
func ParseLabels(text string) ([]Label, error) {
	var labels []Label
	for line := range strings.Lines(text) {
		synset, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if !ok || synset == "" || name == "" {
			return nil, fmt.Errorf("labels line %d is %q: want a synset, a tab and a label", len(labels)+1, line)
		}
		labels = append(labels, Label{Synset: synset, Name: name})
	}
	if len(labels) == 0 {
		return nil, errors.New("labels: the file is empty")
	}
	return labels, nil
}
