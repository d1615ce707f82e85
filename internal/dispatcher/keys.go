package dispatcher

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/reload"
)

// Keys are the API keys that let callers in. The file has their hashes, a line a key, and is read again when it changes.
type Keys struct {
	file *reload.Value[keyring]
}

// ReadKeys reads a file of lines name:sha256-hex[:rps]. Empty lines and those that begin with # are passed over.
func ReadKeys(file string) (*Keys, error) {
	value, err := reload.Read(func(contents [][]byte) (keyring, error) { return parseKeys(string(contents[0])) }, file)
	return &Keys{value}, err
}

// Run looks after the file until ctx ends.
func (k *Keys) Run(ctx context.Context, log *slog.Logger) error { return k.file.Run(ctx, log) }

// apiKey is who may come in. Two lines may have one name: that is how a key is changed while both are in use.
type apiKey struct {
	name string
	hash [sha256.Size]byte
	rps  float64 // its own limit; ownLimit says whether it has one
	line int

	ownLimit bool
}

type keyring []apiKey

// find takes the same time whoever comes: it looks at every key, and compares hashes, which tell nothing of the key that was near.
func (k keyring) find(key string) (found apiKey, ok bool) {
	hash := sha256.Sum256([]byte(key))
	at := -1
	for i := range k {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(k[i].hash[:], hash[:]), i, at)
	}
	if at < 0 {
		return apiKey{}, false
	}
	return k[at], true
}

// parseKeys reads the lines of a keys file. Its errors name the line and quote nothing of it: who has put a key where its hash belongs
// does not want it in the log.
func parseKeys(text string) (keyring, error) {
	var keys keyring
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := parseKey(line)
		if err == nil {
			err = keys.conflict(key)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		key.line = number
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no key, so that nobody could come in: write a line name:sha256-hex for each")
	}
	return keys, nil
}

// keyName is short and plain, since it stands in each line of the access log.
var keyName = regexp.MustCompile(`^[A-Za-z0-9._@-]{1,64}$`)

func parseKey(line string) (apiKey, error) {
	fields := strings.Split(line, ":")
	if len(fields) < 2 || len(fields) > 3 {
		return apiKey{}, fmt.Errorf("it has %d fields: write name:sha256-hex, or name:sha256-hex:rps", len(fields))
	}
	key := apiKey{name: fields[0]}
	if !keyName.MatchString(key.name) {
		return apiKey{}, errors.New("the name must have 1 to 64 letters, digits, dots, dashes, underscores or @")
	}
	hash, err := hex.DecodeString(fields[1])
	if err != nil || len(hash) != len(key.hash) {
		return apiKey{}, errors.New(`the second field must be the 64 hex digits of the key's SHA-256: printf %s "$KEY" | sha256sum`)
	}
	copy(key.hash[:], hash)
	if len(fields) == 3 {
		key.ownLimit = true
		if key.rps, err = strconv.ParseFloat(fields[2], 64); err != nil || !isRate(key.rps) {
			return apiKey{}, errors.New("the third field must be a number of requests a second, 0 for no limit")
		}
	}
	return key, nil
}

// conflict refuses what could mean two things.
func (k keyring) conflict(key apiKey) error {
	for _, other := range k {
		if other.hash == key.hash {
			return fmt.Errorf("it has the key of line %d", other.line)
		}
		if other.name == key.name && (other.rps != key.rps || other.ownLimit != key.ownLimit) {
			return fmt.Errorf("%s has another limit in line %d", key.name, other.line)
		}
	}
	return nil
}

// Why a caller was not let in.
const (
	unauthorizedMissing   = "missing"
	unauthorizedMalformed = "malformed"
	unauthorizedUnknown   = "unknown"
)

// admit finds whose key a request has. Otherwise it says why it is let in by none, in a word and as an *api.Problem.
func (k *Keys) admit(h http.Header) (key apiKey, why string, err error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return key, unauthorizedMissing, unauthorized("missing-key", "Bearer", "this needs an API key: send it as Authorization: Bearer KEY")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if token = strings.TrimSpace(token); len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return key, unauthorizedMalformed, unauthorized("not-a-bearer", "Bearer", "Authorization is not of the form: Bearer KEY")
	}
	if key, ok = k.file.Get().find(token); !ok {
		return key, unauthorizedUnknown, unauthorized("unknown-key", `Bearer error="invalid_token"`, "the API key is none that is known here: ask whoever runs this service for one")
	}
	return key, "", nil
}

func unauthorized(kind, challenge, detail string) error {
	p := api.NewProblem(http.StatusUnauthorized, kind, "%s", detail)
	p.Challenge = challenge
	return p
}
