package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// endMost is how long a program may take to end.
const endMost = time.Minute

// localUp: the whole system, from the command to the line that says that it is up.
func (b *bench) localUp(ctx context.Context, all *results) error {
	const host = "127.78.255.1"
	up := exec.CommandContext(ctx, b.bin("local"), "up", "--dir="+filepath.Join(b.dir, "local"), "--pods=127.78.0.0/16", "--listen="+host+":8080",
		"--autoscaler-listen="+host+":8081", "--prometheus-listen="+host+":9090", "--api-listen="+host+":8001", "--node-listen="+host+":10250")
	up.Dir = b.root
	up.Cancel = func() error { return up.Process.Signal(os.Interrupt) }
	up.WaitDelay = endMost
	out, err := up.StdoutPipe()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := up.Start(); err != nil {
		return err
	}
	var said strings.Builder
	took := time.Duration(0)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if took == 0 && strings.Contains(lines.Text(), "Ctrl-C ends it all") {
			took = time.Since(begin)
			if err := up.Process.Signal(os.Interrupt); err != nil {
				return err
			}
		}
	}
	if err := up.Wait(); err != nil || took == 0 {
		return errors.Join(fmt.Errorf("local up did not come up and end: it said %q", said.String()), err)
	}
	all.plain("local up: from the command until the whole system is up", []float64{took.Seconds()}, "s")
	return nil
}

// demo is what a newcomer runs first.
func (b *bench) demo(ctx context.Context, all *results) error {
	demo := exec.CommandContext(ctx, b.bin("local"), "demo", "--dir="+filepath.Join(b.dir, "local"), "--report="+filepath.Join(b.dir, "report.html"))
	demo.Dir = b.root
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) }
	demo.WaitDelay = endMost
	begin := time.Now()
	if said, err := demo.CombinedOutput(); err != nil {
		return fmt.Errorf("local demo: %w\n%s", err, said)
	}
	all.atMost("make demo, all built", []float64{time.Since(begin).Minutes()}, 6, "min")
	return nil
}
