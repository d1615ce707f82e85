package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/resnet"
)

// workplace is where everything lies, by absolute paths.
type workplace struct {
	root, server, model string
	spec                resnet.Spec
}

func (p product) workplace() (workplace, error) {
	w := workplace{
		root:   p.Root,
		server: orDefault(p.Server, filepath.Join(p.Root, "bin/model-server")),
		model:  orDefault(p.Model, filepath.Join(p.Root, "models/resnet18-imagenette")),
	}
	if _, err := os.Stat(w.server); err != nil {
		return w, command.Check(false, "--server", w.server, "is not there: make build makes it")
	}
	text, err := os.ReadFile(filepath.Join(w.model, "model.json"))
	if err != nil {
		return w, command.Check(false, "--model", w.model, "must be a folder with a model.json: "+err.Error())
	}
	w.spec, err = resnet.ParseSpec(text)
	return w, err
}

func (p product) photos() ([]photo, error) {
	photos, err := loadPhotos(os.DirFS(p.folder()))
	if err != nil {
		return nil, command.Check(false, "--images", p.folder(), err.Error())
	}
	return photos, nil
}

// folder is where the pictures lie.
func (p product) folder() string { return orDefault(p.Images, filepath.Join(p.Root, "images")) }

// mayWrite checks that a file can be made where a flag says.
func mayWrite(flag, file string) error {
	info, err := os.Stat(filepath.Dir(file))
	return command.Check(err == nil && info.IsDir(), flag, file, "must be a file in a folder that is there")
}

func (w workplace) peers(parts ...string) string {
	return filepath.Join(append([]string{w.root, "internal/bench/peers"}, parts...)...)
}

func (w workplace) cache(parts ...string) string {
	return filepath.Join(append([]string{w.root, ".cache/bench"}, parts...)...)
}

// short is a text without the path of this repository, fit for a committed file.
func (w workplace) short(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, w.root+"/", ""), filepath.Dir(w.root)+"/", "../")
}

func (w workplace) has(precision string) bool {
	_, ok := w.spec.Files[precision]
	return ok
}

func orDefault(given, otherwise string) string {
	if given != "" {
		return given
	}
	return otherwise
}

// environment is all that a server inherits. Nothing of the caller's settings may make one server faster than another.
func (w workplace) environment(more ...string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8",
		"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1",
		"PYTHONPATH=" + w.peers("common"), "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1",
		"BENCH_MODEL=" + w.model, "BENCH_WEIGHTS=" + w.cache("original", "weights.pt"),
		"BENTOML_HOME=" + w.cache("bentoml", "home"), "BENTOML_DO_NOT_TRACK=True", "KSERVE_LOGLEVEL=WARNING",
	}
	for _, name := range []string{"RESNET_ONNXRUNTIME_LIB", "RESNET_TURBOJPEG_LIB"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, fmt.Sprintf("%s=%s", name, value))
		}
	}
	return append(env, more...)
}
