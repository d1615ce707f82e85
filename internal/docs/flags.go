package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"resnet-autoscaling/internal/command"
)

// binaries are those of cmd, in the order in which a reader meets them.
var binaries = []string{"model-server", "dispatcher", "autoscaler", "loadtest", "local"}

// commandLine is what is typed before the flags, and which there are.
type commandLine struct {
	name      string // autoscaler simulate
	arguments []command.Argument
	flags     []command.Flag
}

// readCommandLines asks each binary for its flags, and those of its commands.
func readCommandLines(ctx context.Context, bin string) (all []commandLine, err error) {
	for _, name := range binaries {
		d, err := describe(ctx, bin, name)
		if err != nil {
			return nil, err
		}
		all = append(all, lines(d, "", nil)...)
		for _, word := range programsWithin(d) {
			within, err := describe(ctx, bin, name, word)
			if err != nil {
				return nil, err
			}
			all = append(all, lines(within, "", nil)...)
		}
	}
	return all, nil
}

func describe(ctx context.Context, bin, name string, args ...string) (d command.Described, err error) {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, name), append(args, "--describe")...).Output()
	if err == nil {
		err = json.Unmarshal(out, &d)
	}
	if err != nil {
		return d, fmt.Errorf("%s --describe: %w", strings.Join(append([]string{name}, args...), " "), err)
	}
	return d, nil
}

// programsWithin are those of a binary that have a command line of their own, as its help tells: NAME WORD --help.
func programsWithin(d command.Described) (words []string) {
	for _, match := range regexp.MustCompile(`(?m)^ *`+d.Name+` ([a-z-]+) --help`).FindAllStringSubmatch(d.Help, -1) {
		words = append(words, match[1])
	}
	return words
}

// lines are the command line itself, or, where it only leads to commands, theirs.
func lines(d command.Described, before string, inherited []command.Flag) (all []commandLine) {
	name := strings.TrimSpace(before + " " + d.Name)
	flags := append(inherited[:len(inherited):len(inherited)], d.Flags...)
	if len(d.Commands) == 0 {
		return []commandLine{{name, d.Arguments, flags}}
	}
	for _, c := range d.Commands {
		all = append(all, lines(c, name, flags)...)
	}
	return all
}

func (f facts) flagTables() string {
	var b strings.Builder
	for _, c := range f.commands {
		var rows [][]string
		for _, a := range c.arguments {
			rows = append(rows, []string{code(a.Name), "", "", plain(a.Help)})
		}
		for _, flag := range c.flags {
			rows = append(rows, []string{flagCell(flag), code(flag.Variable), code(flag.Default), plain(flag.Help)})
		}
		b.WriteString(collapsed("<code>"+c.name+"</code>", table([]string{"flag", "variable", "default", "what it does"}, rows)))
	}
	return b.String()
}

func flagCell(f command.Flag) string {
	text := f.Name
	if f.Placeholder != "" {
		text += "=" + f.Placeholder
	}
	cell := code(text)
	if f.Short != "" {
		cell = code(f.Short) + ", " + cell
	}
	if f.Negation != "" {
		cell += ", " + code(f.Negation)
	}
	return cell
}
