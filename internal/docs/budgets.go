package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// budgetLine is a line of the table, or one that names a budget that was missed, or something that was not measured.
var budgetLine = regexp.MustCompile(`^(\||Missed: |- )`)

// readBudgets takes the table out of what make budgets wrote.
func readBudgets(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "|"):
			b.WriteString(line)
		case budgetLine.MatchString(line):
			b.WriteString("\n" + line)
		case strings.HasPrefix(line, "Not measured:"):
			b.WriteString("\nNot measured in that run:\n")
		}
	}
	if !strings.Contains(b.String(), "|") {
		return "", fmt.Errorf("%s has no table: run make budgets", file)
	}
	return b.String(), nil
}
