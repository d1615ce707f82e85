package main

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	figuresOf = regexp.MustCompile(`(?s)<!-- figures of (\S+) -->(.*?)<!-- end figures -->`)
	// A number by itself: not that of a name such as INT8 or ResNet18.
	figure    = regexp.MustCompile(`(?:^|[^A-Za-z0-9_.,])([0-9][0-9,]*(?:\.[0-9]+)?)`)
	thousands = strings.NewReplacer(",", "")
)

// What stands between the marks is quoted: each figure is one of the file's, perhaps rounded.
func TestFiguresAreThoseOfTheirFile(t *testing.T) {
	blocks := figuresOf.FindAllStringSubmatch(readme, -1)
	if len(blocks) != strings.Count(readme, "<!-- figures of") || len(blocks) < 2 {
		t.Fatalf("%d blocks of figures", len(blocks))
	}
	for _, block := range blocks {
		source, err := os.ReadFile(filepath.Join(root, block[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		quoted := figuresIn(block[2])
		if len(quoted) < 4 {
			t.Errorf("only %d figures are quoted of %s", len(quoted), block[1])
		}
		for _, wrong := range unquoted(quoted, figuresIn(string(source))) {
			t.Errorf("README.md quotes %s of %s, which does not have it", wrong, block[1])
		}
	}
}

func TestAFigureMayBeRoundedAndNothingElse(t *testing.T) {
	source := figuresIn("| 88.8 (84.0–90.8) | 3.95 s | 46,820,737 bytes | 11.15 ms | INT8 |")
	for text, want := range map[string]string{
		"88.8 pictures, 89, 4 s, 46,820,737": "", "11.2 and 11.1 ms": "11.1", "87.0": "87.0", "8 times": "8", "`--top 5`, ResNet18, INT8, v2": "",
	} {
		if got := strings.Join(unquoted(figuresIn(text), source), " "); got != want {
			t.Errorf("%s: complains of %q, want %q", text, got, want)
		}
	}
}

func figuresIn(text string) (all []string) {
	for _, match := range figure.FindAllStringSubmatch(codeSpan.ReplaceAllString(text, ""), -1) {
		all = append(all, thousands.Replace(match[1]))
	}
	return all
}

// unquoted are the figures of which the source has none that rounds to them.
func unquoted(quoted, source []string) (wrong []string) {
	for _, q := range quoted {
		value, _ := strconv.ParseFloat(q, 64) // the pattern takes nothing else
		_, decimals, _ := strings.Cut(q, ".")
		scale := math.Pow10(len(decimals))
		if !slices.ContainsFunc(source, func(s string) bool {
			exact, _ := strconv.ParseFloat(s, 64)
			return math.Round(exact*scale+1e-9) == math.Round(value*scale)
		}) {
			wrong = append(wrong, q)
		}
	}
	return wrong
}
