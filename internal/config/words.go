package config

import (
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// keys lists the keys of a struct in the order of its fields.
func keys(t reflect.Type) []string {
	out := make([]string, t.NumField())
	for i := range out {
		out[i] = t.Field(i).Tag.Get("yaml")
	}
	return out
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// shorten keeps a foreign key printable.
func shorten(key string) string {
	q := quote(key)
	if plain := strings.Trim(q, `"`); plain == key {
		return key
	}
	return q
}

// shape names what a node is, for people who do not know YAML's words.
func shape(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "keys and values"
	case ast.SequenceType:
		return "a list"
	case ast.NullType:
		return "nothing"
	default:
		return quote(n.GetToken().Value)
	}
}

// nearest offers the known key that differs least from name, when it is near enough to be a slip of the finger.
func nearest(name string, known []string) string {
	best, least := "", len(name)/3+1
	for _, k := range known {
		if n := distance(strings.ToLower(name), k); n <= least {
			best, least = k, n-1
		}
	}
	if best == "" {
		return "known keys: " + strings.Join(known, ", ")
	}
	return "did you mean " + best + "?"
}

// distance is Levenshtein's, on bytes, 64 at most.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
