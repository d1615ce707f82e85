package dispatcher_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"resnet-autoscaling/internal/dispatcher"
)

// keyLine is the line of a keys file for a key.
func keyLine(name, key, rest string) string {
	return fmt.Sprintf("%s:%x%s\n", name, sha256.Sum256([]byte(key)), rest)
}

func TestKeysFile(t *testing.T) {
	text := "# who may come in\r\n\n" + keyLine("alice", "one", "") + "  " + strings.ToUpper(keyLine("", "two", ""))
	text = strings.Replace(text, "  :", "  bob@example.com:", 1) + keyLine("alice", "three", "\r")
	whose, err := dispatcher.KeyFinder(text)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"one": "alice", "two": "bob@example.com", "three": "alice", "four": "", "": ""} {
		if got := whose(key); got != want {
			t.Errorf("the key %q is that of %q, want %q", key, got, want)
		}
	}
}

func TestBadKeysFiles(t *testing.T) {
	good := keyLine("alice", "one", "")
	for name, c := range map[string]struct{ text, says string }{
		"empty":                  {"", "nobody could come in"},
		"only comments":          {"# alice\n\n", "nobody could come in"},
		"the key itself":         {good + "bob:s3cret-key\n", "line 2: the second field must be the 64 hex digits"},
		"the key alone":          {"s3cret-key\n", "line 1: it has 1 fields"},
		"too short":              {"bob:abcd\n", "line 1: the second field"},
		"too many fields":        {strings.TrimSpace(good) + ":1:s3cret-key\n", "line 1: it has 4 fields"},
		"no name":                {keyLine("", "two", ""), "line 1: the name"},
		"strange name":           {keyLine("s3cret-key\x00", "two", ""), "line 1: the name"},
		"long name":              {keyLine(strings.Repeat("x", 65), "two", ""), "line 1: the name"},
		"rate is a word":         {keyLine("bob", "two", ":fast"), "line 1: the third field"},
		"rate is negative":       {keyLine("bob", "two", ":-1"), "line 1: the third field"},
		"rate is endless":        {keyLine("bob", "two", ":Inf"), "line 1: the third field"},
		"rate is no number":      {keyLine("bob", "two", ":NaN"), "line 1: the third field"},
		"one key for two":        {good + "\n" + keyLine("bob", "one", ""), "line 3: it has the key of line 1"},
		"two limits of one name": {good + keyLine("alice", "two", ":5"), "line 2: alice has another limit in line 1"},
		"limit and none":         {good + keyLine("alice", "two", ":0"), "line 2: alice has another limit in line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dispatcher.KeyFinder(c.text)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want it to say %q", err, c.says)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
}

// A file that is taken lets in just the keys whose hashes it has, each under the name of its line.
func FuzzKeys(f *testing.F) {
	f.Add("# comment\n"+keyLine("alice", "one", ":2.5")+keyLine("bob", "two", ""), "one")
	f.Add("a:b:c:d", "")
	f.Add(keyLine("a", "", ":0")+"\x00", "")
	f.Fuzz(func(t *testing.T, text, key string) {
		whose, err := dispatcher.KeyFinder(text)
		if err != nil {
			return
		}
		name := whose(key)
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte(key)))
		listed := false
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			fields := strings.Split(line, ":")
			if strings.HasPrefix(line, "#") || len(fields) < 2 || !strings.EqualFold(fields[1], hash) {
				continue
			}
			listed = true
			if name != fields[0] {
				t.Errorf("the key of %q was taken for that of %q", fields[0], name)
			}
		}
		if !listed && name != "" {
			t.Errorf("%q was let in as %q, and is not listed", key, name)
		}
	})
}

func BenchmarkAThousandKeys(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		text.WriteString(keyLine(fmt.Sprint("client", i), fmt.Sprint("key ", i), ""))
	}
	whose, err := dispatcher.KeyFinder(text.String())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		whose("key 500")
	}
}
