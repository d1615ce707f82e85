package oip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds how deeply values that nobody reads may nest: skipping them is recursive.
const maxDepth = 64

// reader walks over JSON text once and builds nothing of what it passes: a batch of tensors is millions of numbers.
type reader struct {
	text []byte
	at   int
}

func (r *reader) broken(format string, args ...any) error {
	return invalid("the request's JSON is broken at byte %d: %s", r.at, fmt.Sprintf(format, args...))
}

// next is the first byte of what comes after white space, 0 at the end. It does not take it.
func (r *reader) next() byte {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return c
		}
	}
	return 0
}

// snippet is what stands at the reader, for an error.
func (r *reader) snippet() string {
	const most = 16
	rest := r.text[r.at:]
	if i := bytes.IndexAny(rest, ",]} \t\r\n"); i > 0 {
		rest = rest[:i]
	}
	if len(rest) == 0 {
		return "the end"
	}
	return strconv.Quote(string(rest[:min(most, len(rest))]))
}

func (r *reader) take(c byte) error {
	if r.next() != c {
		return r.broken("%s where %q belongs", r.snippet(), c)
	}
	r.at++
	return nil
}

// end checks that nothing follows.
func (r *reader) end() error {
	if r.next(); r.at < len(r.text) {
		return r.broken("%s after the end of the request", r.snippet())
	}
	return nil
}

// list walks over what stands between two brackets with commas.
func (r *reader) list(from, to byte, element func() error) error {
	if err := r.take(from); err != nil {
		return err
	}
	if r.next() == to {
		r.at++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch r.next() {
		case ',':
			r.at++
		case to:
			r.at++
			return nil
		default:
			return r.broken("%s where ',' or %q belongs", r.snippet(), to)
		}
	}
}

func (r *reader) array(element func() error) error { return r.list('[', ']', element) }

// members walks over an object. read takes the value of a member that is known; others are passed over, as the protocol leaves room
// for more, and so is null, which some clients write where they have nothing to say. A known member that comes twice is an error:
// which of the two was meant?
func (r *reader) members(known []string, read func(name string) error) error {
	seen := make([]bool, len(known))
	return r.list('{', '}', func() error {
		name, err := r.string()
		if err != nil {
			return err
		}
		if err := r.take(':'); err != nil {
			return err
		}
		i := slices.Index(known, string(name))
		if i < 0 {
			return r.skip(0)
		}
		if seen[i] {
			return r.broken("%q is there twice", name)
		}
		seen[i] = true
		if r.next(); r.literal("null") {
			return nil
		}
		return read(known[i])
	})
}

// string takes a string. What it returns is part of the text, unless there are escapes in it.
func (r *reader) string() ([]byte, error) {
	if err := r.take('"'); err != nil {
		return nil, err
	}
	start, escaped := r.at, false
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			inside := r.text[start:r.at]
			r.at++
			return r.unescape(inside, escaped)
		case c == '\\':
			escaped = true
			r.at++ // whatever is escaped does not end the string
		case c < ' ':
			return nil, r.broken("a string has a control character in it")
		}
		r.at++
	}
	r.at = len(r.text)
	return nil, r.broken("a string does not end")
}

func (r *reader) unescape(inside []byte, escaped bool) ([]byte, error) {
	if !utf8.Valid(inside) {
		return nil, r.broken("the string before is not UTF-8")
	}
	if !escaped {
		return inside, nil
	}
	var s string
	if err := json.Unmarshal(r.text[r.at-len(inside)-2:r.at], &s); err != nil {
		return nil, r.broken("the string before: %v", err)
	}
	return []byte(s), nil
}

// stringOf takes the string that a member must be.
func (r *reader) stringOf(member string) (string, error) {
	if r.next() != '"' {
		return "", r.broken("%q is %s and must be a string", member, r.snippet())
	}
	s, err := r.string()
	return string(s), err
}

// whole takes a whole number, 0 or above.
func (r *reader) whole(member string) (int, error) {
	r.next()
	start := r.at
	for r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' {
		r.at++
	}
	digits := r.text[start:r.at]
	ended := r.at == len(r.text) || !bytes.ContainsRune([]byte(".eE"), rune(r.text[r.at]))
	n, err := strconv.Atoi(string(digits))
	if err != nil || !ended || len(digits) > 1 && digits[0] == '0' {
		r.at = start
		return 0, r.broken("%q is %s and must be a whole number, 0 or above", member, r.snippet())
	}
	return n, nil
}

func (r *reader) bool(member string) (bool, error) {
	r.next()
	switch {
	case r.literal("true"):
		return true, nil
	case r.literal("false"):
		return false, nil
	}
	return false, r.broken("%q is %s and must be true or false", member, r.snippet())
}

func (r *reader) literal(word string) bool {
	if !bytes.HasPrefix(r.text[r.at:], []byte(word)) {
		return false
	}
	r.at += len(word)
	return true
}

// skip passes over any value.
func (r *reader) skip(depth int) error {
	if depth == maxDepth {
		return r.broken("it nests deeper than %d levels", maxDepth)
	}
	switch c := r.next(); {
	case c == '[':
		return r.array(func() error { return r.skip(depth + 1) })
	case c == '{':
		return r.list('{', '}', func() error {
			if _, err := r.string(); err != nil {
				return err
			}
			if err := r.take(':'); err != nil {
				return err
			}
			return r.skip(depth + 1)
		})
	case c == '"':
		_, err := r.string()
		return err
	case c == '-' || '0' <= c && c <= '9':
		_, ok := r.number()
		if !ok {
			return r.broken("%s is no number", r.snippet())
		}
		return nil
	case r.literal("true"), r.literal("false"), r.literal("null"):
		return nil
	}
	return r.broken("%s where a value belongs", r.snippet())
}
