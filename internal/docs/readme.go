package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// parts are the generated parts of README.md by their names.
func (f facts) parts() map[string]string {
	return map[string]string{
		"flags":    f.flagTables(),
		"metrics":  f.metricTables(),
		"paths":    f.pathTables(),
		"targets":  f.targetTable(),
		"alerts":   f.alertTable(),
		"packages": f.packageTable(),
		"budgets":  f.budgets,
	}
}

func begin(name string) string { return "<!-- begin " + name + ": written by make docs -->\n" }
func end(name string) string   { return "<!-- end " + name + " -->\n" }

// fill puts each part where its marks are.
func fill(text string, parts map[string]string) (string, error) {
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		before, rest, ok := strings.Cut(text, begin(name))
		_, after, closed := strings.Cut(rest, end(name))
		if !ok || !closed {
			return "", fmt.Errorf("it has no part %s: write the two lines\n%s%s", name, begin(name), end(name))
		}
		text = before + begin(name) + "\n" + parts[name] + "\n" + end(name) + after
	}
	return text, nil
}

// prose is the text without its generated parts: what a person wrote.
func prose(text string, parts map[string]string) string {
	for name := range parts {
		before, rest, _ := strings.Cut(text, begin(name))
		_, after, _ := strings.Cut(rest, end(name))
		text = before + after
	}
	return text
}

// collapsed is a part that a reader opens by its title.
func collapsed(title, body string) string {
	return "<details><summary>" + title + "</summary>\n\n" + body + "\n</details>\n"
}

// table is a table of texts that are to be read as they are, but for code spans; "" is an empty cell.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// code is a text as code; nothing where there is none.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}

// plain is a text whose signs mean themselves.
func plain(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;", ">", "&gt;", "\n", " ").Replace(text)
}
