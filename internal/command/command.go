// Package command is what every binary's command line has in common: flags that are also environment variables, help that
// teaches, a logger, signals, and the exit codes 0 (done), 1 (failed) and 2 (misused).
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"runtime/debug"
	"strings"

	"resnet-autoscaling/internal/lifecycle"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// Exit codes of every binary.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitMisuse = 2
)

// Common are the flags that every binary has; embed it in the binary's flags.
type Common struct {
	LogFormat string           `enum:"auto,text,json" default:"auto" help:"How log lines look: text, json, or auto: text on a terminal and json otherwise."`
	LogLevel  slog.Level       `default:"info" help:"The least level that is logged: debug, info, warn or error."`
	Version   kong.VersionFlag `help:"Print the version and exit." env:"-"`
	Describe  describeFlag     `hidden:"" help:"Print the flags as JSON and exit." env:"-"`
}

func (c Common) logging() Common { return c }

// Flags is a binary's command line: a pointer to a struct that embeds Common. The struct, or the subcommand that was chosen,
// has a method Run(context.Context, *slog.Logger) error, and may have Validate() error.
type Flags interface{ logging() Common }

// About is what --help says first.
type About struct {
	Name        string
	Description string // may have paragraphs
}

// Misuse is a mistake of the person who started the binary: a flag or its environment variable has a value that breaks a rule.
type Misuse struct {
	Flag  string // with its dashes: --queue
	Value any
	Rule  string // "must be at least 1"
}

// Error names the flag and its variable, the value and the rule.
func (m *Misuse) Error() string {
	return fmt.Sprintf("%s (or %s) is %v: %s", m.Flag, EnvName(m.Flag), m.Value, m.Rule)
}

// EnvName is the environment variable of a flag: RESNET_PROMETHEUS_URL for --prometheus-url.
func EnvName(flag string) string {
	name := strings.ReplaceAll(strings.TrimLeft(flag, "-"), "-", "_")
	return "RESNET_" + strings.ToUpper(name)
}

// Check returns a *Misuse unless ok.
func Check(ok bool, flag string, value any, rule string) error {
	if ok {
		return nil
	}
	return &Misuse{Flag: flag, Value: value, Rule: rule}
}

// Run parses args into flags, runs the command under signals and returns the exit code. What goes wrong is told on stderr,
// once, in one line.
func Run(about About, flags Flags, args []string, stdout, stderr io.Writer) int {
	parsed, code, err := parse(about, flags, args, stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\nTry: %s --help\n", about.Name, err, about.Name)
		return ExitMisuse
	}
	if parsed == nil {
		return code
	}
	common := flags.logging()
	log := newLogger(common.LogFormat, common.LogLevel, stderr)
	ctx, release := lifecycle.WithSignals(context.Background())
	defer release()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.BindTo(stdout, (*io.Writer)(nil))
	err = parsed.Run(log)
	var misuse *Misuse
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &misuse):
		fmt.Fprintf(stderr, "%s: %v\nTry: %s --help\n", about.Name, err, about.Name)
		return ExitMisuse
	default:
		fmt.Fprintf(stderr, "%s: %v\n", about.Name, err)
		return ExitFailed
	}
}

// exited carries the code of --help and --version out of the parser, which has no way to stop but an exit function.
type exited int

func parse(about About, flags Flags, args []string, stdout, stderr io.Writer) (parsed *kong.Context, code int, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case exited:
			parsed, code, err = nil, int(v), nil
		default:
			panic(v)
		}
	}()
	parser, err := kong.New(flags,
		kong.Name(about.Name),
		kong.Description(about.Description),
		kong.DefaultEnvars("RESNET"),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.Vars{"version": about.Name + " " + Version()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	)
	if err != nil {
		return nil, 0, fmt.Errorf("command line: %w", err)
	}
	parsed, err = parser.Parse(args)
	return parsed, 0, nameVariable(err)
}

// leadingFlag is the flag that an error of kong's begins with.
var leadingFlag = regexp.MustCompile(`^--[a-z0-9-]+`)

// nameVariable adds its variable to a flag that is blamed: the value may have come from there, and kong does not always say so.
func nameVariable(err error) error {
	if err == nil {
		return nil
	}
	flag := leadingFlag.FindString(err.Error())
	if flag == "" || strings.Contains(err.Error(), EnvName(flag)) {
		return err
	}
	return fmt.Errorf("%s (or %s)%s", flag, EnvName(flag), strings.TrimPrefix(err.Error(), flag))
}

// version is set by the linker: -X resnet-autoscaling/internal/command.version=…
var version string

// Version is the release this binary was built from, or the commit where it is none.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}

func newLogger(format string, level slog.Level, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" || (format == "auto" && !isTerminal(w)) {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
