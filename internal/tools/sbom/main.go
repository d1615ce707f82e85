// Command sbom tells what the binaries are made of: out/sbom.json, a CycloneDX bill of materials with each module's version, sum and
// licence, and out/licences.txt, the licences' texts, which have to go along with binaries that are passed on. It fails on a licence that
// asks for more than to be named.
package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

func main() {
	bin := flag.String("bin", "bin", "folder of the binaries")
	library := flag.String("onnxruntime", ".cache/onnxruntime/libonnxruntime.so", "the libonnxruntime that they are passed on with; \"\": with none")
	models := flag.String("models", "models", "folder of the models; \"\": there are none")
	out := flag.String("out", "out", "where the files are written")
	flag.Parse()
	if err := run(*bin, *library, *models, *out); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(bin, library, models, out string) error {
	modules, version, err := readBinaries(bin)
	if err != nil {
		return err
	}
	if err := findLicences(modules); err != nil {
		return err
	}
	others, err := readOthers(library, models)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	err = errors.Join(
		writeBill(filepath.Join(out, "sbom.json"), version, slices.Concat(modules, others)),
		os.WriteFile(filepath.Join(out, "licences.txt"), []byte(texts(modules)), 0o644),
	)
	if err != nil {
		return err
	}
	fmt.Printf("%d modules: %s\n", len(modules), count(modules))
	return judge(slices.Concat(modules, others))
}

// part is something that a binary is made of or passed on with.
type part struct {
	kind          cyclonedx.ComponentType
	name, version string
	purl          string
	sha256        string // in hexadecimal
	licences      []string
	text          string // of the licences
	by            []string
}

// permissive licences ask whoever passes the program on for no more than to name them.
var permissive = []string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC"}

// tolerated are modules under MPL-2.0, which binds whoever changes their files. We change none.
var tolerated = []string{"github.com/hashicorp/golang-lru/v2"}

func judge(parts []part) (err error) {
	for _, p := range parts {
		for _, licence := range p.licences {
			if licence == "MPL-2.0" && slices.Contains(tolerated, p.name) {
				continue
			}
			if !slices.Contains(permissive, licence) {
				err = errors.Join(err, fmt.Errorf("%s %s has the licence %s, which is none of %s", p.name, p.version, licence, strings.Join(permissive, ", ")))
			}
		}
		if len(p.licences) == 0 {
			err = errors.Join(err, fmt.Errorf("%s %s has no licence that is known here", p.name, p.version))
		}
	}
	return err
}

// count is how many modules have which licence.
func count(parts []part) string {
	n := map[string]int{}
	for _, p := range parts {
		n[strings.Join(p.licences, " and ")]++
	}
	var told []string
	for _, licence := range slices.SortedFunc(maps.Keys(n), func(a, b string) int { return 2*(n[b]-n[a]) + strings.Compare(a, b) }) {
		told = append(told, fmt.Sprintf("%d %s", n[licence], licence))
	}
	return strings.Join(told, ", ")
}

func texts(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "==== %s %s (%s)\n\n%s\n", p.name, p.version, strings.Join(p.licences, " and "), strings.TrimSpace(p.text)+"\n")
	}
	return b.String()
}
