package main

import (
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/loadtest"
	"resnet-autoscaling/internal/report"
)

// settings are all that a test depends on, also what came from defaults and the environment.
func (f *test) settings(pictures []loadtest.Picture) []report.Setting {
	bytes := 0
	for _, p := range pictures {
		bytes += len(p.Data)
	}
	all := []report.Setting{
		{Name: "Profile", Value: f.profile().String()},
		{Name: "Warm-up", Value: f.Warmup.String()},
		{Name: "Spacing", Value: f.spacingText()},
		{Name: "Pictures", Value: fmt.Sprintf("%s: %d, of %.0f kB on average, %s", f.Images, len(pictures), float64(bytes)/float64(len(pictures))/1e3, f.formText())},
		{Name: "Expected labels", Value: f.Expect},
		{Name: "Objectives", Value: texts(f.SLO)},
		{Name: "Called off on", Value: texts(f.AbortOn)},
		{Name: "Time-out", Value: f.Timeout.String()},
		{Name: "Most in flight", Value: strconv.Itoa(f.MaxInFlight)},
		{Name: "Connections", Value: f.connectionsText()},
		{Name: "Labels", Value: labelsText(f.Label)},
		{Name: "Tester", Value: fmt.Sprintf("loadtest %s, %s, %s/%s, %d CPUs used", command.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))},
	}
	for i := range all {
		if all[i].Value == "" {
			all[i].Value = "none"
		}
	}
	return all
}

func texts[T fmt.Stringer](all []T) string {
	parts := make([]string, len(all))
	for i, one := range all {
		parts[i] = one.String()
	}
	return strings.Join(parts, ", ")
}

func (f *driving) spacingText() string {
	if f.Poisson {
		return fmt.Sprintf("Poisson, seed %d", f.Seed)
	}
	return "even"
}

func (f *driving) formText() string {
	if f.Protocol == "v2" {
		return "by the Open Inference Protocol, model " + f.Model
	}
	return f.Form
}

func (f *driving) connectionsText() string {
	text := "as many as there are requests in flight"
	if f.Connections > 0 {
		text = fmt.Sprintf("at most %d", f.Connections)
	}
	switch {
	case f.NoKeepalive:
		return text + ", one for each request"
	case f.HTTP2:
		return text + ", HTTP/2"
	default:
		return text + ", kept alive"
	}
}

func labelsText(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, ", ")
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shell is a command line as a POSIX shell reads it back.
func shell(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if !plain.MatchString(arg) {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
