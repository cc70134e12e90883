package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite docs/reference/config.md")

const referencePage = "../../docs/reference/config.md"

// TestReferencePage keeps the page about merlon.yaml equal to the structs, their comments and the defaults.
func TestReferencePage(t *testing.T) {
	want := reference(t)
	if *update {
		if err := os.WriteFile(referencePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the structs say; run: go test ./internal/config -run TestReferencePage -update", referencePage)
	}
}

// TestEveryFieldHasAKey finds a field that the decoder could never fill.
func TestEveryFieldHasAKey(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(ty reflect.Type) {
		for i := range ty.NumField() {
			f := ty.Field(i)
			if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(f.Tag.Get("yaml")) {
				t.Errorf("%s.%s has no usable key", ty, f.Name)
			}
			if e, ok := section(f.Type); ok {
				walk(e)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

// section returns the struct behind a field that has keys of its own.
func section(ty reflect.Type) (reflect.Type, bool) {
	for ty.Kind() == reflect.Slice || ty.Kind() == reflect.Pointer {
		ty = ty.Elem()
	}
	switch ty {
	case reflect.TypeFor[Storage](), reflect.TypeFor[Counters](), reflect.TypeFor[NATS](), reflect.TypeFor[netip.Prefix](), reflect.TypeFor[StatusRange]():
		return nil, false
	}
	return ty, ty.Kind() == reflect.Struct
}

func reference(t *testing.T) string {
	comments := fieldComments(t)
	least, err := os.ReadFile("testdata/least.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# merlon.yaml\n\n" +
		"<!-- Written by `go test ./internal/config -run TestReferencePage -update` from the structs in internal/config. -->\n\n" +
		"One file configures one node. Every key has a default, so that `merlon serve --upstream URL` needs no file at all.\n" +
		"An unknown key is a mistake, and `merlon config check FILE` lists every mistake with its line and column.\n" +
		"Flags override the file: `--listen` replaces `listen`, `--admin` `admin.address`, `--data` the storage directory; `--upstream`, `--spec` and `--policy` " +
		"replace those of the site when there is one site only.\n" +
		"Names of files are relative to the folder of the configuration file; what comes from a flag or a default is relative to the working directory.\n" +
		"Anchors and aliases work; merge keys (`<<`), tags and a second document do not. A file is " + Bytes(maxFile).String() + " at most.\n\n" +
		"Durations are numbers with a unit (`500ms`, `10s`, `5m`, `1h`, `7d`); sizes are bytes or use `KiB`, `MiB`, `GiB`.\n\n" +
		"```yaml\n" + string(least) + "```\n")
	page(&b, "top level", "", reflect.ValueOf(Default()), comments)
	return b.String()
}

func page(b *strings.Builder, title, path string, v reflect.Value, comments map[string]string) {
	fmt.Fprintf(b, "\n## %s\n\n| key | default | meaning |\n|---|---|---|\n", title)
	type sub struct {
		path string
		v    reflect.Value
	}
	var subs []sub
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := join(path, f.Tag.Get("yaml"))
		show, list := "", key
		if e, ok := section(f.Type); ok {
			show = "see below"
			if f.Type.Kind() == reflect.Slice {
				list += "[]"
			}
			value := reflect.New(e).Elem()
			if f.Type.Kind() == reflect.Struct {
				value = v.Field(i)
			} else if f.Type.Kind() == reflect.Slice && v.Field(i).Len() > 0 {
				value = v.Field(i).Index(0)
			} else if p, ok := value.Addr().Interface().(presetter); ok {
				p.preset()
			}
			subs = append(subs, sub{list, value})
		} else {
			show = shown(v.Field(i))
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, show, comments[v.Type().Name()+"."+f.Name])
	}
	for _, s := range subs {
		page(b, "`"+s.path+"`", s.path, s.v, comments)
	}
}

// shown writes a default the way a file would.
func shown(v reflect.Value) string {
	if v.IsZero() && v.Kind() != reflect.Int && v.Kind() != reflect.Int64 && v.Kind() != reflect.Bool && v.Kind() != reflect.Struct {
		return "none"
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return "`" + formatDuration(x) + "`"
	case fmt.Stringer:
		return "`" + x.String() + "`"
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

// fieldComments reads the doc comment of every field, as Type.Field.
func fieldComments(t *testing.T) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"config.go", "listener.go", "site.go", "limits.go"} {
		commentsOf(t, name, out)
	}
	return out
}

func commentsOf(t *testing.T, name string, out map[string]string) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		ty, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		s, ok := ty.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range s.Fields.List {
			text := strings.Join(strings.Fields(f.Doc.Text()), " ")
			if !f.Names[0].IsExported() || ty.Name.Name == "StatusRange" {
				continue
			}
			if text == "" {
				t.Errorf("%s.%s has no comment", ty.Name, f.Names[0])
			}
			for _, verb := range []string{f.Names[0].Name + " ", "is ", "are "} { // how a field's comment begins
				text = strings.TrimPrefix(text, verb)
			}
			out[ty.Name.Name+"."+f.Names[0].Name] = strings.ReplaceAll(strings.ToUpper(text[:1])+text[1:], "|", `\|`)
		}
		return true
	})
}
