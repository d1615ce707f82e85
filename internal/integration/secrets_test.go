package integration_test

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"resnet-autoscaling/internal/testkit"
)

// talkative is a binary that logs all that it can, and what it has said.
type talkative struct {
	process *exec.Cmd
	said    testkit.Buffer
}

func talk(t *testing.T, name string, args ...string) *talkative {
	t.Helper()
	p := &talkative{process: exec.Command(filepath.Join(bin, name), append(args, "--log-level=debug", "--log-format=json")...)}
	p.process.Dir, p.process.Stdout, p.process.Stderr = testkit.Root(t), &p.said, &p.said
	p.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.process.Process.Kill() }) // unless it was asked to end
	return p
}

var servingLine = regexp.MustCompile(`"msg":"serving","address":"([^"]+)"`)

func (p *talkative) url(t *testing.T) string {
	t.Helper()
	testkit.Eventually(t, "it serves", func() bool { return servingLine.MatchString(p.said.String()) })
	return "http://" + servingLine.FindStringSubmatch(p.said.String())[1]
}

// end ends it, and returns all that it has said.
func (p *talkative) end(t *testing.T) string {
	t.Helper()
	if err := p.process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = p.process.Wait() // without its cluster it may well fail
	return p.said.String()
}

// keepsQuiet checks that what was said has none of the secrets, and that something was said.
func keepsQuiet(t *testing.T, said string, expected string, secrets ...string) {
	t.Helper()
	if !strings.Contains(said, expected) {
		t.Errorf("it should at least have said %q:\n%s", expected, said)
	}
	for _, secret := range secrets {
		if strings.Contains(said, secret) {
			t.Errorf("%q is in the log:\n%s", secret, said)
		}
	}
}

// Nothing that lets somebody in is logged, at any level, whether it was right or wrong.
func TestNoSecretIsLogged(t *testing.T) {
	t.Run("API keys", keysAreNotLogged)
	t.Run("a cluster's token", tokensAreNotLogged)
	t.Run("a password in a URL", passwordsAreNotLogged)
}

func keysAreNotLogged(t *testing.T) {
	const right, wrong = "s3cret-of-alice", "s3cret-of-nobody"
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(right)))
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("alice:"+hash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer failing.Close()
	p := talk(t, "dispatcher", "--listen=127.0.0.1:0", "--replicas="+failing.URL, "--api-keys-file="+file, "--access-log-sample=1", "--drain-delay=0s")
	url := p.url(t)
	for _, path := range []string{"/predict", "/v2/models/x/infer", "/status", "/nowhere"} {
		for _, authorization := range []string{"Bearer " + right, "Bearer " + wrong, "Basic " + wrong, right} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, strings.NewReader("picture"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", authorization)
			request.Header.Set("Cookie", "session=s3cret-session")
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
		}
	}
	keepsQuiet(t, p.end(t), `"client":"key:alice"`, "s3cret", hash)
}

func tokensAreNotLogged(t *testing.T) {
	const token = "s3cret-of-the-cluster"
	var asked atomic.Int64
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+token {
			asked.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`)
	}))
	defer cluster.Close()
	dir := t.TempDir()
	ca, kubeconfig := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
		"clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority":%q}}],"users":[{"name":"u","user":{"token":%q}}]}`, cluster.URL, ca, token)
	for name, content := range map[string]string{
		ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})), kubeconfig: text,
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, args := range map[string][]string{
		"autoscaler": {"--listen=127.0.0.1:0", "--interval=1s"},
		"dispatcher": {"--listen=127.0.0.1:0", "--drain-delay=0s"},
	} {
		before := asked.Load()
		p := talk(t, name, append(args, "--kubeconfig="+kubeconfig)...)
		testkit.Eventually(t, name+" asks with its token", func() bool { return asked.Load() >= before+2 })
		keepsQuiet(t, p.end(t), `"msg":"serving"`, token)
	}
}

func passwordsAreNotLogged(t *testing.T) {
	var asked atomic.Int64
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password == "s3cret" {
			asked.Add(1)
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c"}}],
		"clusters":[{"name":"c","cluster":{"server":%q}}]}`, broken.URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := talk(t, "autoscaler", "--listen=127.0.0.1:0", "--interval=1s", "--dry-run", "--kubeconfig="+kubeconfig, "--prometheus-url="+strings.Replace(broken.URL, "//", "//me:s3cret@", 1))
	testkit.Eventually(t, "it asks with its password", func() bool { return asked.Load() > 0 })
	broken.Close() // an error that the transport tells, with the URL in it
	testkit.Eventually(t, "it says that nobody is there", func() bool { return strings.Contains(p.said.String(), "refused") })
	keepsQuiet(t, p.end(t), "refused", "s3cret")
}
