package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/command"
)

// pictureSize is the size of the pictures that are sent: what a photograph of a web page has.
const pictureSize = 100_000

// bench is all that a case needs.
type bench struct {
	stage       *stage.Stage
	cores       machine.Cores
	dir         string // for configurations, logs and what proxies put on disk
	self        string // this program, which also is the stub
	programs    map[family]string
	unavailable []string
	replica     string
	picture     []byte
	small       []byte // the same without padding, where many proxies are loaded at once
	rounds      int
	short       bool
	out         io.Writer
}

func (f *measureFlags) bench(ctx context.Context, out io.Writer) (*bench, error) {
	b := &bench{rounds: f.rounds(), short: f.Short, out: out}
	dispatcher := f.Dispatcher
	if dispatcher == "" {
		dispatcher = filepath.Join(f.Root, "bin/dispatcher")
	}
	if _, err := os.Stat(dispatcher); err != nil {
		return nil, command.Check(false, "--dispatcher", dispatcher, "is not there: make build makes it")
	}
	small, err := os.ReadFile(filepath.Join(f.Root, "images/church-st-peter.jpg"))
	if err != nil {
		return nil, command.Check(false, "--root", f.Root, "must be the repository: "+err.Error())
	}
	b.small, b.picture = small, padded(small, pictureSize)
	if b.cores, err = machine.TwoCores(); err != nil {
		return nil, err
	}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "bench-dispatcher-"); err != nil {
		return nil, err
	}
	if b.replica, err = buildReplica(ctx, f.Root, b.dir); err != nil {
		return nil, err
	}
	b.find(ctx, dispatcher, f.Root)
	return b, nil
}

// padded is a JPEG made larger by comments behind its first two bytes.
func padded(jpeg []byte, size int) []byte {
	const marker, most = 4, 0xFFFF // a comment's length counts itself, not the marker's first two bytes
	var comments []byte
	for missing := size - len(jpeg); missing > marker; missing = size - len(jpeg) - len(comments) {
		text := min(missing-marker, most-2)
		comments = append(comments, 0xFF, 0xFE)
		comments = binary.BigEndian.AppendUint16(comments, uint16(text+2))
		comments = append(comments, bytes.Repeat([]byte{' '}, text)...)
	}
	return append(append(append([]byte{}, jpeg[:2]...), comments...), jpeg[2:]...)
}

// buildReplica builds the stand-in for a model server from its source, so that it is the one that the tests use.
func buildReplica(ctx context.Context, root, dir string) (string, error) {
	program := filepath.Join(dir, "replica")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./internal/testkit/replica")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build internal/testkit/replica: %w: %s", err, stage.LastLine(string(said)))
	}
	return program, nil
}

// lasts is how long something is measured: in a short run, only for seconds.
func (b *bench) lasts(whole, short time.Duration) time.Duration {
	if b.short {
		return short
	}
	return whole
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

// inRounds calls measure for each contender, in turn, as often as there are rounds, and returns those that could be measured. Each round
// begins with another one, so that no one always follows the same. A peer that fails is out, and the section says why; ours may not.
func (b *bench) inRounds(ctx context.Context, s *section, all []contender, measure func(round int, c contender) error) ([]contender, error) {
	for round := range b.rounds {
		for _, c := range turned(all, round) {
			err := measure(round, c)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err == nil {
				continue
			}
			if err := b.drop(s, c, err); err != nil {
				return nil, err
			}
			all = slices.DeleteFunc(slices.Clone(all), func(other contender) bool { return other == c })
		}
	}
	return all, nil
}

// turned is a list that begins with another one each round.
func turned(all []contender, round int) []contender {
	first := round % len(all)
	return slices.Concat(all[first:], all[:first])
}

// drop notes why a peer is not measured. Without ours there is nothing to measure.
func (b *bench) drop(s *section, c contender, why error) error {
	if c.family == ours || c.family == none {
		return fmt.Errorf("%s: %w", c.title, why)
	}
	b.say("  %s: not measured: %v", c.title, why)
	s.note("%s was not measured: %s.", c.title, strings.ReplaceAll(why.Error(), b.dir+"/", ""))
	return nil
}

// environment is all that a child inherits.
func environment(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8"}, more...)
}
