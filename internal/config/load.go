package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxFile bounds a configuration file; a thousand sites with ten hosts each take about 300 KiB.
	maxFile = 1 << 20
	// maxDepth bounds nesting, in the text before it is parsed (the parser recurses) and in the tree.
	maxDepth = 32
	// maxNodes bounds the values visited with aliases expanded, so that a few lines of anchors cannot grow without end.
	maxNodes = 100_000
	// maxMistakes ends the listing of a file that is not a configuration at all.
	maxMistakes = 100
)

// Load reads the file at path with read and returns its configuration over [Default], or every mistake in it, in the order of the file.
// An empty path is no file. The result holds only when there are no mistakes. Names of files in it are made relative to
// the file's folder. A file without sites is no mistake here, since a flag may bring the upstream: see [Config.Apply].
func Load(path string, read func(string) ([]byte, error)) (Config, []Mistake) {
	c, d := load(path, read)
	d.merge(c.check(path, d.at))
	d.sort()
	return c, d.mistakes
}

// load decodes the file, and checks nothing that takes more than one value.
func load(path string, read func(string) ([]byte, error)) (Config, *decoder) {
	c := Default()
	d := &decoder{file: path, at: map[string]*token.Position{}, anchors: map[string]ast.Node{}}
	if path == "" {
		return c, d
	}
	src, err := read(path)
	if err != nil {
		d.add(nil, "", "cannot be read: "+err.Error(), "")
		return c, d
	}
	d.document(src, &c)
	c.resolve(filepath.Dir(path), d.at)
	return c, d
}

// document parses src and decodes its one document into c.
func (d *decoder) document(src []byte, c *Config) {
	if len(src) > maxFile {
		d.add(nil, "", "file is larger than "+Bytes(maxFile).String(), "move lists into policy files")
		return
	}
	tokens := lexer.Tokenize(string(src))
	if tk := tooDeep(tokens); tk != nil {
		d.add(tk, "", fmt.Sprintf("nested deeper than %d levels", maxDepth), "")
		return
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) {
			d.add(ye.GetToken(), "", "not YAML: "+ye.GetMessage(), "")
		} else {
			d.add(nil, "", "not YAML: "+err.Error(), "")
		}
		return
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.NullType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0: // an empty file says nothing, so the defaults hold
	case 1:
		d.value(bodies[0], reflect.ValueOf(c).Elem(), "", 0)
	default:
		d.add(bodies[1].GetToken(), "", "a second document", "one file is one configuration: remove the line ---")
	}
}

// tooDeep returns the token at which text nests beyond maxDepth on one line, or in flow style over all lines.
// Block nesting over several lines costs indentation, so it grows with the square root of the file at most.
func tooDeep(tokens token.Tokens) *token.Token {
	flow, line, entries := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, entries = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType, token.MappingValueType:
			if flow == 0 {
				entries++
			}
		default: // nothing else nests
		}
		if flow > maxDepth || entries > maxDepth {
			return tk
		}
	}
	return nil
}

// resolve makes the names of files in the configuration file relative to its folder; the default data directory stays
// relative to the working directory, since the file did not name it. An archive that is not named is the store.
func (c *Config) resolve(dir string, at map[string]*token.Position) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if at["storage"] != nil {
		abs(&c.Storage.Path)
	}
	if at["archive"] != nil {
		abs(&c.Archive.Path)
	} else {
		c.Archive = c.Storage
	}
	abs(&c.OTLP.TokenFile)
	for _, l := range c.Listen {
		if t := l.TLS; t != nil {
			all(abs, &t.Certificate, &t.Key, &t.OCSP, &t.ClientCA)
			for i := range t.Certificates {
				all(abs, &t.Certificates[i].Certificate, &t.Certificates[i].Key, &t.Certificates[i].OCSP)
			}
		}
	}
	for i := range c.Sites {
		abs(&c.Sites[i].Policy)
		for j := range c.Sites[i].Upstreams {
			u := &c.Sites[i].Upstreams[j]
			all(abs, &u.CA, &u.Certificate, &u.Key)
		}
		for j := range c.Sites[i].Specs {
			abs(&c.Sites[i].Specs[j])
		}
	}
}

func all(f func(*string), names ...*string) {
	for _, n := range names {
		f(n)
	}
}
