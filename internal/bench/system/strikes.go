package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// struck is a strike that was made.
type struck struct {
	strike
	From  time.Duration `json:"from_ns"`
	To    time.Duration `json:"to_ns"` // when its cause was gone, and what it killed was back
	Told  string        `json:"told"`
	Fault string        `json:"wrong,omitempty"` // what should have come of it, and did not
}

// recovery is how long the system has to be back after something was killed.
const recovery = 60 * time.Second

// strikes are how each fault is done. Each comes back when the cause is gone, and tells to whom it was done.
var strikes = map[fault]func(*ordeal, context.Context, strike) (string, error){
	replicaKilled:  (*ordeal).killReplica,
	replicaStopped: func(o *ordeal, ctx context.Context, s strike) (string, error) { return o.stop(ctx, theReplica, s) },
	replicaSlowed:  (*ordeal).slow,
	replicaFiles:   func(o *ordeal, ctx context.Context, s strike) (string, error) { return o.noFiles(ctx, theReplica, s) },
	modelCorrupted: (*ordeal).corrupt,
	dispatcherKilled: func(o *ordeal, ctx context.Context, s strike) (string, error) {
		return o.replace(ctx, theDispatcher, syscall.SIGKILL, s)
	},
	dispatcherRestarted: func(o *ordeal, ctx context.Context, s strike) (string, error) {
		return o.replace(ctx, theDispatcher, syscall.SIGTERM, s)
	},
	dispatcherStopped: func(o *ordeal, ctx context.Context, s strike) (string, error) { return o.stop(ctx, theDispatcher, s) },
	dispatcherFiles: func(o *ordeal, ctx context.Context, s strike) (string, error) {
		return o.noFiles(ctx, theDispatcher, s)
	},
	prometheusKilled: func(o *ordeal, ctx context.Context, s strike) (string, error) {
		return o.replace(ctx, thePrometheus, syscall.SIGKILL, s)
	},
	prometheusStopped: func(o *ordeal, ctx context.Context, s strike) (string, error) { return o.stop(ctx, thePrometheus, s) },
	diskFull:          (*ordeal).fillDisk,
	apiStopped:        func(o *ordeal, ctx context.Context, s strike) (string, error) { return o.stop(ctx, theLocal, s) },
	clockSkewed:       (*ordeal).skewClock,
}

var errNobody = errors.New("there is no such process now")

// victim is the process of a role that a strike meets.
func (o *ordeal) victim(r role, s strike) (process, error) {
	all := o.system.processes(r)
	if len(all) == 0 {
		return process{}, fmt.Errorf("%s: %w", r, errNobody)
	}
	return all[int(s.Draw*float64(len(all)))], nil
}

func (p process) String() string { return fmt.Sprintf("%s %d", p.role, p.pid) }

func (o *ordeal) killReplica(_ context.Context, s strike) (string, error) {
	v, err := o.victim(theReplica, s)
	if err != nil {
		return "", err
	}
	return v.String(), syscall.Kill(v.pid, syscall.SIGKILL)
}

// stop has a process stand still for a while.
func (o *ordeal) stop(ctx context.Context, r role, s strike) (string, error) {
	v, err := o.victim(r, s)
	if err != nil {
		return "", err
	}
	defer func() { _ = syscall.Kill(v.pid, syscall.SIGCONT) }() // it may have been killed for not answering
	if err := syscall.Kill(v.pid, syscall.SIGSTOP); err != nil {
		return "", err
	}
	sleep(ctx, s.Length)
	return v.String(), nil
}

// slow leaves a replica a fifth of the time.
func (o *ordeal) slow(ctx context.Context, s strike) (string, error) {
	const on, off = 20 * time.Millisecond, 80 * time.Millisecond
	v, err := o.victim(theReplica, s)
	if err != nil {
		return "", err
	}
	defer func() { _ = syscall.Kill(v.pid, syscall.SIGCONT) }()
	for end := time.Now().Add(s.Length); time.Now().Before(end) && ctx.Err() == nil; {
		if err := syscall.Kill(v.pid, syscall.SIGSTOP); err != nil {
			return v.String() + ", which ended", nil
		}
		sleep(ctx, off)
		_ = syscall.Kill(v.pid, syscall.SIGCONT)
		sleep(ctx, on)
	}
	return v.String(), nil
}

// noFiles lets a process open no more files and connections than it has now.
func (o *ordeal) noFiles(ctx context.Context, r role, s strike) (string, error) {
	v, err := o.victim(r, s)
	if err != nil {
		return "", err
	}
	open, err := os.ReadDir(procFile(v.pid, "fd"))
	if err != nil {
		return "", err
	}
	var before unix.Rlimit
	if err := unix.Prlimit(v.pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		return "", err
	}
	defer func() { _ = unix.Prlimit(v.pid, unix.RLIMIT_NOFILE, &before, nil) }()
	now := unix.Rlimit{Cur: uint64(len(open)), Max: before.Max}
	if err := unix.Prlimit(v.pid, unix.RLIMIT_NOFILE, &now, nil); err != nil {
		return "", err
	}
	sleep(ctx, s.Length)
	return fmt.Sprintf("%s, with %d", v, len(open)), nil
}

// replace ends a process and waits until another one serves in its place.
func (o *ordeal) replace(ctx context.Context, r role, signal syscall.Signal, s strike) (string, error) {
	v, err := o.victim(r, s)
	if err != nil {
		return "", err
	}
	ready := v.url + "/readyz"
	if r == thePrometheus {
		ready = v.url + "/-/ready"
	}
	if err := syscall.Kill(v.pid, signal); err != nil {
		return "", err
	}
	complaint := o.system.eventually(ctx, recovery, func(ctx context.Context) string {
		now := o.system.processes(r)
		if len(now) != 1 || now[0].pid == v.pid || !o.system.ready(ctx, ready) {
			return fmt.Sprintf("%s was not replaced within %v", v, recovery)
		}
		return ""
	})
	if complaint != "" && ctx.Err() == nil {
		return v.String(), errors.New(complaint)
	}
	return v.String(), nil
}

// corrupt changes a byte of the model's files, and kills a replica. It has to refuse what it finds when it comes back, with both hashes, while
// the others serve on; and has to serve again when the file is what it was.
func (o *ordeal) corrupt(ctx context.Context, s strike) (string, error) {
	restore, hashes, err := o.place.corruptModel()
	if err != nil {
		return "", err
	}
	defer func() { _ = restore() }()
	v, err := o.victim(theReplica, s)
	if err != nil {
		return "", err
	}
	if err := syscall.Kill(v.pid, syscall.SIGKILL); err != nil {
		return "", err
	}
	complaint := o.system.eventually(ctx, recovery, func(context.Context) string { return o.place.refused(hashes) })
	sleep(ctx, s.Length)
	if complaint != "" && ctx.Err() == nil {
		return v.String(), errors.New(complaint)
	}
	return v.String() + ", which refused it with both hashes", restore()
}

// corruptModel changes a byte of each of the model's files. hashes are what each then has and what it should have.
func (p *place) corruptModel() (restore func() error, hashes [][2]string, err error) {
	files, err := filepath.Glob(filepath.Join(p.run, "models", "*", "*.onnx"))
	if err != nil || len(files) == 0 {
		return nil, nil, fmt.Errorf("no model in %s: %w", p.run, err)
	}
	whole := map[string][]byte{}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		whole[name] = data
		bad := append([]byte(nil), data...)
		bad[len(bad)/2] ^= 1
		hashes = append(hashes, [2]string{hashOf(bad), hashOf(data)})
		if err := os.WriteFile(name, bad, 0o644); err != nil {
			return nil, nil, err
		}
	}
	return func() (err error) {
		for name, data := range whole {
			err = errors.Join(err, os.WriteFile(name, data, 0o644))
		}
		return err
	}, hashes, nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// refused complains unless a replica has said, since it was last looked, that a file has another hash than it should, and named both.
func (p *place) refused(hashes [][2]string) string {
	seen := false
	_ = filepath.WalkDir(filepath.Join(p.disk, "logs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || seen {
			return nil // what vanishes while it is looked at is of a replica that was scaled away
		}
		text, _ := os.ReadFile(path)
		for _, pair := range hashes {
			at := strings.LastIndex(string(text), "has sha256 "+pair[0]+", but model.json says "+pair[1])
			seen = seen || at > p.read[path]
			if at > p.read[path] {
				p.read[path] = at
			}
		}
		return nil
	})
	if !seen {
		return "no replica refused the corrupted model with both hashes"
	}
	return ""
}

func (o *ordeal) fillDisk(ctx context.Context, s strike) (string, error) {
	free, err := o.place.fill()
	if err != nil {
		return "", err
	}
	sleep(ctx, s.Length)
	return "Prometheus' data and all logs", free()
}

// skewClock moves the autoscaler's clock ahead of Prometheus' or behind it, by up to five minutes.
func (o *ordeal) skewClock(ctx context.Context, s strike) (string, error) {
	const most = 5 * time.Minute
	by := time.Duration((2*s.Draw - 1) * float64(most)).Round(time.Second)
	o.system.skew.set(-by)
	defer o.system.skew.set(0)
	sleep(ctx, s.Length)
	return fmt.Sprintf("the autoscaler's, by %v against Prometheus'", by), nil
}
