package integration_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unreachable: whatever of the local system listens, listens where only this machine can connect.
func (s *system) unreachable(t *testing.T) {
	listeners := map[string][]netip.AddrPort{}
	for _, pid := range s.processes("") {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil {
			continue // it has ended
		}
		name := filepath.Base(exe)
		listeners[name] = append(listeners[name], listening(t, pid)...)
	}
	for _, name := range []string{"local", "dispatcher", "autoscaler", "prometheus", "model-server"} {
		if len(listeners[name]) == 0 {
			t.Errorf("%s listens nowhere: this test sees nothing", name)
		}
		for _, address := range listeners[name] {
			if !address.Addr().Unmap().IsLoopback() {
				t.Errorf("%s listens on %v: others can reach it", name, address)
			}
		}
	}
	// The API server and the node agent are of one process; the API asks for a token, and the file that has it is its owner's.
	if n := len(listeners["local"]); n < 2 {
		t.Errorf("local has %d listeners", n)
	}
	for _, name := range []string{"kubeconfig", "token"} {
		file, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if file.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, file.Mode())
		}
	}
}

// discreet: the token of the local API is in no log.
func (s *system) discreet(t *testing.T) {
	token, err := os.ReadFile(filepath.Join(s.dir, "token"))
	if err != nil || len(token) < 32 {
		t.Fatalf("a token of %d bytes, %v", len(token), err)
	}
	logs := map[string]string{"local": s.logs.String()}
	err = filepath.WalkDir(filepath.Join(s.dir, "logs"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		logs[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(logs) < 5 { // local, Prometheus, dispatcher, autoscaler, a pod
		t.Errorf("only %d logs", len(logs))
	}
	for name, text := range logs {
		if strings.Contains(text, string(token)) {
			t.Errorf("the token is in the log of %s", name)
		}
	}
}

// listening are the addresses of a process's TCP listeners.
func listening(t *testing.T, pid int) (all []netip.AddrPort) {
	t.Helper()
	var sockets []string
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		if link, err := os.Readlink(file); err == nil && strings.HasPrefix(link, "socket:[") {
			sockets = append(sockets, strings.Trim(link, "socket:[]"))
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue // the process has ended, or the machine has no IPv6
		}
		for line := range strings.Lines(string(text)) {
			const address, state, inode, listen = 1, 3, 9, "0A"
			fields := strings.Fields(line)
			if len(fields) > inode && fields[state] == listen && slices.Contains(sockets, fields[inode]) {
				all = append(all, parseAddress(t, fields[address]))
			}
		}
	}
	return all
}

// parseAddress reads HEX:PORT; the address is in words of 32 bits, each in the order of the machine's bytes.
func parseAddress(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	digits, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	address, ok := netip.AddrFromSlice(raw)
	var number uint16
	if _, err := fmt.Sscanf(port, "%x", &number); err != nil || !ok {
		t.Fatalf("%s is no address", text)
	}
	return netip.AddrPortFrom(address, number)
}
