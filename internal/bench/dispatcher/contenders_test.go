package main

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/testkit"
)

// testBench has the programs that are here: what would have to be fetched is left out.
func testBench(t *testing.T) *bench {
	t.Helper()
	root := testkit.Root(t)
	small, err := os.ReadFile(filepath.Join(root, "images/church-st-peter.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{dir: t.TempDir(), rounds: 1, short: true, small: small, picture: padded(small, pictureSize), out: io.Discard, programs: map[family]string{}}
	if b.self, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	if b.replica, err = buildReplica(t.Context(), root, b.dir); err != nil {
		t.Fatal(err)
	}
	b.programs[ours] = filepath.Join(b.dir, "dispatcher")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", b.programs[ours], "./cmd/dispatcher")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for _, f := range []family{nginx, haproxy} {
		b.programs[f], _ = exec.LookPath(string(f)) // one that is not here is not tested
	}
	if fetched := filepath.Join(root, ".cache/bench/envoy", envoyPackage, "envoy/_bin/envoy"); exists(fetched) {
		b.programs[envoy] = fetched
	}
	return b
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The programs are built once for all of these.
func TestOnStage(t *testing.T) {
	b := testBench(t)
	err := stage.Open(slog.New(slog.DiscardHandler), func(s *stage.Stage) error {
		b.stage = s
		t.Run("every contender serves", func(t *testing.T) { everyContenderServes(t, b) })
		t.Run("a dispatcher may begin without a replica", func(t *testing.T) { fromZero(t, b) })
		t.Run("a peer that fails is left out", func(t *testing.T) { aPeerThatFailsIsLeftOut(t, b) })
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func everyContenderServes(t *testing.T, b *bench) {
	f, err := b.fleet(t.Context(), equals(kind{service: time.Millisecond, slots: 4, queue: 16}, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range b.available(nginxUnbuffered, nginxPassing, nginxDefault, nginxMemory) {
		serves(t, b, c, role{replicas: f.hosts, workers: 1, caller: callerWaits})
	}
	for _, c := range b.available(dispatcher, nginxRoundRobin, nginxSetsAside, nginxLeast, nginxTries, haproxyLeast, haproxyQueue, envoyLeast) {
		serves(t, b, c, role{replicas: f.hosts, workers: 2, caller: callerWaits, retry: true, attempt: time.Second})
	}
}

// serves checks that a contender passes pictures on and answers back.
func serves(t *testing.T, b *bench, c contender, r role) {
	t.Helper()
	p, err := b.open(t.Context(), c, r)
	if err != nil {
		t.Errorf("%s: %v", c.title, err)
		return
	}
	defer func() {
		if err := p.Stop(); err != nil {
			t.Errorf("%s: %v", c.title, err)
		}
	}()
	all, err := traffic{urls: []string{p.url}, profile: "constant:50/200ms", even: true, timeout: callerWaits, tell: true, picture: b.picture}.run(t.Context())
	if err != nil || len(all) != 10 || all.success() != 1 {
		t.Errorf("%s: %d requests, success %v, %s: %v", c.title, len(all), all.success(), all.failures(), err)
	}
}

func fromZero(t *testing.T, b *bench) {
	s := &section{}
	if err := b.zero(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if len(s.verdicts) != 1 || !s.verdicts[0].met || s.verdicts[0].measured != "100 of 100" {
		t.Errorf("%+v", s.verdicts)
	}
}

// aPeerThatFailsIsLeftOut breaks the programs: it has to come last.
func aPeerThatFailsIsLeftOut(t *testing.T, b *bench) {
	b.programs[ours], b.programs[haproxy] = "/bin/false", "/bin/false"
	opens := func(_ int, c contender) error {
		if c == nginxLeast {
			return nil
		}
		_, err := b.open(t.Context(), c, role{caller: callerWaits, workers: 1})
		return err
	}
	s := &section{}
	left, err := b.inRounds(t.Context(), s, []contender{nginxLeast, haproxyLeast}, opens)
	if err != nil || len(left) != 1 || left[0] != nginxLeast {
		t.Errorf("left: %v, %v", left, err)
	}
	if len(s.notes) != 1 || !strings.Contains(s.notes[0], "HAProxy, leastconn was not measured: ended at its start") {
		t.Errorf("notes: %q", s.notes)
	}
	if _, err := b.inRounds(t.Context(), s, []contender{dispatcher, nginxLeast}, opens); err == nil {
		t.Error("a dispatcher that does not start is passed over")
	}
}
