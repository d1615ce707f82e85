package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/resnet"
)

// Model is a model folder, read and verified.
type Model struct {
	Spec      resnet.Spec
	Labels    []resnet.Label
	Precision string
	data      []byte // the ONNX file
}

// LoadModel reads the folder dir: model.json, the labels and the ONNX file of a precision (fp32, int8 or auto). A file
// whose sha256 is not the one in model.json is refused. A folder that is none, and a precision that it has not, are a *command.Misuse.
func LoadModel(dir, precision string) (*Model, error) {
	text, err := os.ReadFile(filepath.Join(dir, "model.json"))
	if err != nil {
		return nil, &command.Misuse{Flag: "--model", Value: dir, Rule: fmt.Sprintf("must be a model's folder: %v", err)}
	}
	spec, err := resnet.ParseSpec(text)
	if err != nil {
		return nil, fmt.Errorf("model folder %s: %w", dir, err)
	}
	chosen, err := spec.Precision(precision, preferred()...)
	if err != nil {
		return nil, &command.Misuse{Flag: "--precision", Value: precision, Rule: err.Error()}
	}
	labels, err := os.ReadFile(filepath.Join(dir, spec.Labels))
	if err != nil {
		return nil, fmt.Errorf("model folder %s: %w", dir, err)
	}
	m := &Model{Spec: spec, Precision: chosen}
	if m.Labels, err = resnet.ParseLabels(string(labels)); err != nil {
		return nil, fmt.Errorf("model folder %s: %w", dir, err)
	}
	if m.data, err = readVerified(filepath.Join(dir, spec.Files[chosen].File), spec.Files[chosen].SHA256); err != nil {
		return nil, err
	}
	return m, nil
}

// Size is that of the ONNX file, in bytes; 0 once a session has it.
func (m *Model) Size() int { return len(m.data) }

func readVerified(path, want string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("model file: %w", err)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); !strings.EqualFold(got, want) {
		return nil, fmt.Errorf("model file %s has sha256 %s, but model.json says %s: fetch it again, or correct model.json if you changed the model",
			path, got, want)
	}
	return data, nil
}
