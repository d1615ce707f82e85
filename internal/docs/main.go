// Command docs writes those parts of README.md that the code knows better than a person remembers: every flag, metric, HTTP path, make
// target, alert, package and budget. Each part stands between two comments, <!-- begin NAME --> and <!-- end NAME -->, and is made anew by
// `make docs`. Its tests fail when README.md is behind the code, or speaks of something that is not there.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(context.Background(), "."); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// run writes README.md of the repository anew, by the binaries in its bin.
func run(ctx context.Context, root string) error {
	known, err := gather(ctx, root, filepath.Join(root, "bin"))
	if err != nil {
		return err
	}
	name := filepath.Join(root, "README.md")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	written, err := fill(string(text), known.parts())
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, []byte(written), 0o644)
}

// facts are what there is to document.
type facts struct {
	commands []commandLine
	servers  []server
	targets  []target
	alerts   []alert
	packages []pkg
	budgets  string
}

// gather asks the code: the binaries themselves, where they can tell, else their sources.
func gather(ctx context.Context, root, bin string) (known facts, err error) {
	if known.commands, err = readCommandLines(ctx, bin); err != nil {
		return known, err
	}
	if known.servers, err = askServers(ctx, root, bin); err != nil {
		return known, err
	}
	if known.targets, err = readTargets(filepath.Join(root, "Makefile")); err != nil {
		return known, err
	}
	if known.alerts, err = readAlerts(filepath.Join(root, "deploy", "prometheus", "rules.yml")); err != nil {
		return known, err
	}
	if known.packages, err = readPackages(ctx, root); err != nil {
		return known, err
	}
	known.budgets, err = readBudgets(filepath.Join(root, "internal", "bench", "budgets", "RESULTS.md"))
	return known, err
}
