package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licenseclassifier/v2/assets"
)

// readBinaries reads what the compiler wrote into each binary: the modules that are in it, whatever go.mod asks for besides.
func readBinaries(bin string) (modules []part, version string, err error) {
	files, err := filepath.Glob(filepath.Join(bin, "*"))
	if err != nil || len(files) == 0 {
		return nil, "", errors.Join(err, fmt.Errorf("no binaries in %s: run make build", bin))
	}
	at := map[string]int{}
	add := func(p part, name string) {
		i, ok := at[p.purl]
		if !ok {
			i = len(modules)
			at[p.purl] = i
			modules = append(modules, p)
		}
		modules[i].by = append(modules[i].by, name)
	}
	for _, file := range files {
		info, err := buildinfo.ReadFile(file)
		if err != nil {
			return nil, "", err
		}
		name := filepath.Base(file)
		version = info.Main.Version
		add(goModule("std", strings.TrimPrefix(info.GoVersion, "go")), name)
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			add(goModule(m.Path, m.Version), name)
		}
	}
	slices.SortFunc(modules, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return modules, version, nil
}

func goModule(path, version string) part {
	return part{kind: cyclonedx.ComponentTypeLibrary, name: path, version: version, purl: "pkg:golang/" + path + "@" + version}
}

// licenceFile is how a file is called that has a module's licence.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying)([.-].*)?$`)

// findLicences reads the licences where the modules' sources are.
func findLicences(modules []part) error {
	known, err := assets.DefaultClassifier()
	if err != nil {
		return err
	}
	for i := range modules {
		m := &modules[i]
		dir, err := folderOf(m.name, m.version)
		if err != nil {
			return err
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || !licenceFile.MatchString(e.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			m.text += string(text) + "\n"
			for _, match := range known.Match(text).Matches {
				if match.MatchType == "License" && !slices.Contains(m.licences, match.Name) {
					m.licences = append(m.licences, match.Name)
				}
			}
		}
		slices.Sort(m.licences)
	}
	return nil
}

// folderOf is where the sources are that a binary was built from.
func folderOf(path, version string) (string, error) {
	if path == "std" {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		return strings.TrimSpace(string(root)), err
	}
	out, err := exec.Command("go", "mod", "download", "-json", path+"@"+version).Output()
	var told struct{ Dir string }
	if err == nil {
		err = json.Unmarshal(out, &told)
	}
	if err != nil {
		return "", fmt.Errorf("find the sources of %s %s: %w", path, version, err)
	}
	return told.Dir, nil
}

var libraryVersion = regexp.MustCompile(`VERS_(1\.[0-9]+\.[0-9]+)`)

// readOthers are those parts that are no Go: ONNX Runtime and the models. Where their place is "" they go by another way.
func readOthers(library, models string) (others []part, err error) {
	if library != "" {
		runtime, err := readRuntime(library)
		if err != nil {
			return nil, err
		}
		others = append(others, runtime)
	}
	if models == "" {
		return others, nil
	}
	files, err := filepath.Glob(filepath.Join(models, "*", "*.onnx"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		others = append(others, part{
			kind: cyclonedx.ComponentTypeMachineLearningModel, name: filepath.Base(file), licences: []string{"Apache-2.0"}, sha256: sum(content), by: []string{"model-server"},
		})
	}
	return others, nil
}

func readRuntime(library string) (part, error) {
	content, err := os.ReadFile(library)
	if err != nil {
		return part{}, fmt.Errorf("%w: run make setup", err)
	}
	version := libraryVersion.FindSubmatch(content)
	if version == nil {
		return part{}, fmt.Errorf("%s tells no version", library)
	}
	return part{
		kind: cyclonedx.ComponentTypeLibrary, name: "onnxruntime", version: string(version[1]), licences: []string{"MIT"},
		purl: "pkg:github/microsoft/onnxruntime@v" + string(version[1]), sha256: sum(content), by: []string{"model-server"},
	}, nil
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

// writeBill writes the bill. It has neither a time nor a serial number: the same binaries, the same bill.
func writeBill(name, version string, parts []part) (err error) {
	bill := cyclonedx.NewBOM()
	bill.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{
		BOMRef: "resnet-autoscaling", Type: cyclonedx.ComponentTypeApplication, Name: "resnet-autoscaling", Version: version,
		Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
	}}
	components := make([]cyclonedx.Component, len(parts))
	for i, p := range parts {
		components[i] = component(p)
	}
	bill.Components = &components
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return cyclonedx.NewBOMEncoder(file, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bill)
}

func component(p part) cyclonedx.Component {
	c := cyclonedx.Component{BOMRef: p.purl, Type: p.kind, Name: p.name, Version: p.version, PackageURL: p.purl}
	if c.BOMRef == "" {
		c.BOMRef = p.name
	}
	var licences cyclonedx.Licenses
	for _, id := range p.licences {
		licences = append(licences, cyclonedx.LicenseChoice{License: &cyclonedx.License{ID: id}})
	}
	if len(licences) > 0 {
		c.Licenses = &licences
	}
	if p.sha256 != "" {
		c.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: p.sha256}}
	}
	var by []cyclonedx.Property
	for _, name := range p.by {
		by = append(by, cyclonedx.Property{Name: "resnet-autoscaling:binary", Value: name})
	}
	c.Properties = &by
	return c
}
