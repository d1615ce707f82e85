package main

import (
	"net/url"
	"strings"
)

// withheld stands for what may be a secret, where results are shown that people pass on.
const withheld = "…"

// unsecret is a command line without the values of its headers and the passwords of its URLs.
func unsecret(args []string) []string {
	told := make([]string, len(args))
	for i, arg := range args {
		flag, value, joined := strings.Cut(arg, "=")
		switch {
		case joined && flag == "--header":
			told[i] = flag + "=" + headerName(value)
		case i > 0 && args[i-1] == "--header":
			told[i] = headerName(arg)
		case joined && strings.HasPrefix(flag, "--"):
			told[i] = flag + "=" + withoutPassword(value)
		default:
			told[i] = withoutPassword(arg)
		}
	}
	return told
}

func headerName(line string) string {
	name, _, ok := strings.Cut(line, ":")
	if !ok {
		return withheld
	}
	return name + ": " + withheld
}

func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	return u.Redacted()
}
