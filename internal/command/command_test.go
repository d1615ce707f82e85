package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"resnet-autoscaling/internal/command"
)

type flags struct {
	command.Common
	Queue   int           `default:"4" help:"Requests that may wait."`
	MaxBody command.Bytes `default:"10MiB" help:"Largest body."`
	Fail    string        `help:"How to fail." enum:",failure,misuse" default:""`
}

func (f *flags) Validate() error {
	return command.Check(f.Queue >= 1, "--queue", f.Queue, "must be at least 1")
}

func (f *flags) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	switch f.Fail {
	case "failure":
		return errors.New("open model: no such file")
	case "misuse":
		return fmt.Errorf("start: %w", &command.Misuse{Flag: "--fail", Value: f.Fail, Rule: "must not be asked for"})
	}
	log.Info("started")
	fmt.Fprintf(out, "queue %d body %d ended %v\n", f.Queue, int64(f.MaxBody), ctx.Err() != nil)
	return nil
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		args           []string
		env            map[string]string
		code           int
		stdout, stderr []string
	}{
		"defaults":             {code: 0, stdout: []string{"queue 4 body 10485760 ended false"}, stderr: []string{`"msg":"started"`}},
		"flag":                 {args: []string{"--queue=7", "--max-body", "1KiB"}, stdout: []string{"queue 7 body 1024"}},
		"environment":          {env: map[string]string{"RESNET_QUEUE": "9"}, stdout: []string{"queue 9"}},
		"flag beats variable":  {args: []string{"--queue=7"}, env: map[string]string{"RESNET_QUEUE": "9"}, stdout: []string{"queue 7"}},
		"help":                 {args: []string{"--help"}, stdout: []string{"Teaches.", "--queue=4", "Requests that may wait", "$RESNET_QUEUE"}},
		"version":              {args: []string{"--version"}, stdout: []string{"thing "}},
		"description":          {args: []string{"--describe"}, stdout: []string{`"name": "--queue"`, `"variable": "RESNET_QUEUE"`, `"default": "10MiB"`, `"help": "How to fail."`}},
		"unknown flag":         {args: []string{"--que=1"}, code: 2, stderr: []string{"--que", "thing --help"}},
		"garbage flag":         {args: []string{"--queue=many"}, code: 2, stderr: []string{"--queue", "many"}},
		"garbage variable":     {env: map[string]string{"RESNET_QUEUE": "many"}, code: 2, stderr: []string{"RESNET_QUEUE", "many"}},
		"garbage size":         {args: []string{"--max-body=big"}, code: 2, stderr: []string{"--max-body", "big"}},
		"garbage level":        {args: []string{"--log-level=loud"}, code: 2, stderr: []string{"--log-level", "loud"}},
		"broken rule":          {args: []string{"--queue=0"}, code: 2, stderr: []string{"--queue (or RESNET_QUEUE) is 0: must be at least 1"}},
		"misuse found late":    {args: []string{"--fail=misuse"}, code: 2, stderr: []string{"--fail", "must not be asked for"}},
		"failure":              {args: []string{"--fail=failure"}, code: 1, stderr: []string{"thing: open model: no such file"}},
		"text logs when asked": {args: []string{"--log-format=text"}, stdout: []string{"queue 4"}, stderr: []string{"msg=started"}},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			var stdout, stderr bytes.Buffer
			about := command.About{Name: "thing", Description: "Teaches."}
			if code := command.Run(about, &flags{}, c.args, &stdout, &stderr); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			wantAll(t, "stdout", stdout.String(), c.stdout)
			wantAll(t, "stderr", stderr.String(), c.stderr)
		})
	}
}

func wantAll(t *testing.T, where, got string, want []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s is %q, want it to have %q", where, got, w)
		}
	}
}
