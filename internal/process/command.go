package process

import (
	"io"
	"log/slog"
)

// Options are the settings of a Launcher; both are required.
type Options struct {
	// Name begins the names of our cgroups, so that a later launcher finds what a killed one left.
	Name string
	Log  *slog.Logger
}

// Command is a program to run, and what it may use.
type Command struct {
	Name   string // of the child in cgroups and errors; unique among those that run
	Path   string
	Args   []string
	Env    []string // all of it: nothing is inherited
	Dir    string
	Output io.Writer // standard output and error
	CPU    float64   // cores; 0: no limit
	Memory int64     // bytes; 0: no limit. Kept only where a cgroup can
}
