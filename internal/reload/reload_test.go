package reload_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/reload"
	"resnet-autoscaling/internal/testkit"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func joined(contents [][]byte) (string, error) {
	var all []string
	for _, c := range contents {
		if strings.Contains(string(c), "bad") {
			return "", errors.New("that is bad")
		}
		all = append(all, strings.TrimSpace(string(c)))
	}
	return strings.Join(all, "+"), nil
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// after lets so many looks go by, in the test's own time.
func after(looks int) {
	time.Sleep(time.Duration(looks) * reload.Every)
	synctest.Wait()
}

func TestAChangeIsTakenOnceItHasSettled(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	synctest.Test(t, func(t *testing.T) {
		write(t, a, "one")
		write(t, b, "two")
		v, err := reload.Read(joined, a, b)
		if err != nil {
			t.Fatal(err)
		}
		var logs testkit.Buffer
		go v.Run(t.Context(), slog.New(slog.NewTextHandler(&logs, nil)))

		write(t, a, "half")
		after(1)
		write(t, a, "three")
		after(1)
		if got := v.Get(); got != "one+two" {
			t.Errorf("%q was taken while the file was being written", got)
		}
		after(1)
		if got := v.Get(); got != "three+two" {
			t.Errorf("the value is %q after the change", got)
		}

		write(t, b, "bad")
		after(20)
		if got := v.Get(); got != "three+two" {
			t.Errorf("a file that makes no sense made the value %q", got)
		}
		if err := os.Remove(b); err != nil {
			t.Fatal(err)
		}
		after(20)
		write(t, b, "four")
		after(2)
		if got := v.Get(); got != "three+four" {
			t.Errorf("the value is %q after the file was mended", got)
		}
		said := logs.String()
		for text, times := range map[string]int{"are taken": 2, "that is bad": 1, "no such file": 1} {
			if n := strings.Count(said, text); n != times {
				t.Errorf("the log has %q %d times, want %d:\n%s", text, n, times, said)
			}
		}
	})
}

// A Secret's files are links through a folder's link, and it is that one which is swapped.
func TestASecretsSwap(t *testing.T) {
	dir := t.TempDir()
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "keys"), version)
	}
	link("v1", "..data")
	link("..data/keys", "keys")
	synctest.Test(t, func(t *testing.T) {
		v, err := reload.Read(joined, filepath.Join(dir, "keys"))
		if err != nil {
			t.Fatal(err)
		}
		go v.Run(t.Context(), slog.New(slog.DiscardHandler))
		link("v2", "..tmp")
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		after(2)
		if got := v.Get(); got != "v2" {
			t.Errorf("the value is %q after the swap", got)
		}
	})
}

func TestWhatMakesNoSenseAtFirstIsAnError(t *testing.T) {
	dir := t.TempDir()
	bad, large := filepath.Join(dir, "bad"), filepath.Join(dir, "large")
	write(t, bad, "bad")
	write(t, large, strings.Repeat("x", 1<<20+1))
	for name, want := range map[string]string{bad: "that is bad", large: "more than 1048576 bytes", filepath.Join(dir, "none"): "no such file"} {
		if _, err := reload.Read(joined, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", filepath.Base(name), err, want)
		}
	}
}
