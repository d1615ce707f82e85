package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// undescribed are the paths of servers that have no openapi.json, or that are no part of it.
var undescribed = map[string][]operation{
	"dispatcher": {{"GET", "/", "The page"}},
	"autoscaler": {
		{"GET", "/decisions", "The last decisions and what they were made by, newest first"},
		{"GET", "/healthz", "Alive?"},
		{"GET", "/readyz", "May it get traffic?"},
		{"GET", "/metrics", "For Prometheus"},
	},
}

// readOperations are what openapi.json describes, and what else there is. What has a place in the sources of a server without a
// description has to be among the latter.
func readOperations(ctx context.Context, root, name, url string) (all []operation, err error) {
	all = slices.Clone(undescribed[name])
	for _, o := range all {
		if err := get(ctx, url+o.path, func(io.Reader) error { return nil }); err != nil && o.path != "/readyz" {
			return nil, err
		}
	}
	if name == "autoscaler" {
		return all, allListed(filepath.Join(root, "internal", name), all)
	}
	err = get(ctx, url+"/openapi.json", func(body io.Reader) error {
		var described struct {
			Paths map[string]struct{ Get, Post *struct{ Summary string } }
		}
		if err := json.NewDecoder(body).Decode(&described); err != nil {
			return err
		}
		for path, item := range described.Paths {
			if item.Get != nil {
				all = append(all, operation{"GET", path, item.Get.Summary})
			}
			if item.Post != nil {
				all = append(all, operation{"POST", path, item.Post.Summary})
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.path+" "+a.method, b.path+" "+b.method) })
	return all, err
}

// route is how a router is told what it serves.
var route = regexp.MustCompile(`\br\.(Get|Post|Put|Patch|Delete)\("(/[^"]*)"`)

func allListed(dir string, listed []operation) (err error) {
	files, globErr := filepath.Glob(filepath.Join(dir, "*.go"))
	if globErr != nil {
		return globErr
	}
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		err = errors.Join(err, readErr)
		for _, match := range route.FindAllStringSubmatch(string(text), -1) {
			if !slices.ContainsFunc(listed, func(o operation) bool { return strings.EqualFold(o.method, match[1]) && o.path == match[2] }) {
				err = errors.Join(err, fmt.Errorf("%s serves %s, which has no description in internal/docs/paths.go", file, match[2]))
			}
		}
	}
	return err
}

func (f facts) pathTables() string {
	var b strings.Builder
	for _, s := range f.servers {
		var rows [][]string
		for _, o := range s.operations {
			rows = append(rows, []string{code(o.method + " " + o.path), plain(o.summary)})
		}
		b.WriteString(collapsed("<code>"+s.name+"</code>", table([]string{"path", "what it does"}, rows)))
	}
	return b.String()
}
