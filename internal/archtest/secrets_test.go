package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Packages that ask callers who they are.
var gatekeepers = []string{"internal/dispatcher", "internal/kubelite", "internal/node", "internal/httpserve"}

// secretName is how a variable is called that holds what lets somebody in.
var secretName = regexp.MustCompile(`(?i)(token|secret|password|bearer|apikey)$`)

// A comparison that ends at the first byte that differs tells, by its time, how much of a guess was right. Emptiness may be asked for.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	inConstantTime := 0
	for _, dir := range gatekeepers {
		files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			inConstantTime += strings.Count(string(text), "subtle.ConstantTimeCompare(")
			for _, found := range hastyComparisons(t, file, string(text)) {
				t.Errorf("%s: use crypto/subtle", found)
			}
		}
	}
	if inConstantTime < 3 { // API keys, the local API's token, the node agent's
		t.Errorf("only %d comparisons take the same time whatever they find", inConstantTime)
	}
}

func TestHastyComparisonsAreFound(t *testing.T) {
	for text, want := range map[string]int{
		`if token == want {}`: 1, `if s.Token() != given {}`: 1, `ok := bytes.Equal(secret, x)`: 1, `x := strings.Compare(a, o.bearer)`: 1,
		`if token == "" || k.name == "x" || source.Token != nil {}`: 0, `x := subtle.ConstantTimeCompare(token, y)`: 0, `switch token { case x: }`: 1,
	} {
		if got := hastyComparisons(t, "x.go", "package x\nfunc f() {\n"+text+"\n}"); len(got) != want {
			t.Errorf("%s: %q, want %d", text, got, want)
		}
	}
}

// hastyComparisons are the places where a secret is compared by other means than crypto/subtle.
func hastyComparisons(t *testing.T, name, text string) (places []string) {
	t.Helper()
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	note := func(n ast.Node, compared ...ast.Expr) {
		secret := false
		for _, e := range compared {
			if l, ok := e.(*ast.BasicLit); ok && l.Value == `""` || lastName(e) == "nil" {
				return
			}
			secret = secret || secretName.MatchString(lastName(e))
		}
		if secret {
			places = append(places, files.Position(n.Pos()).String())
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				note(n, n.X, n.Y)
			}
		case *ast.SwitchStmt:
			if n.Tag != nil {
				note(n, n.Tag)
			}
		case *ast.CallExpr:
			switch f, ok := n.Fun.(*ast.SelectorExpr); {
			case !ok:
			case f.Sel.Name == "Equal" || f.Sel.Name == "EqualFold" || f.Sel.Name == "Compare":
				note(n, n.Args...)
			}
		}
		return true
	})
	return places
}

// lastName is the name that an expression ends in: Token of s.Token().
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		return lastName(e.Fun)
	case *ast.ParenExpr:
		return lastName(e.X)
	case *ast.IndexExpr:
		return lastName(e.X)
	}
	return ""
}
