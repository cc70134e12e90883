// Package schema derives JSON Schemas (2020-12) from the Go types that the API reads and answers.
package schema

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"
	"unicode"

	"merlon/internal/control/admin/estate"
	"merlon/internal/control/admin/overview"
	"merlon/internal/control/admin/rules"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

type object = map[string]any

// Set derives schemas from types as encoding/json writes them: structs become components by name.
type Set struct {
	// Components are the structs met so far, by name.
	Components object

	own   string // the package whose lists are never null
	names map[reflect.Type]string
	taken map[string]reflect.Type
	words map[reflect.Type][]string
}

// New makes an empty set. own is the path of the package whose own lists are never null.
func New(own string) *Set {
	s := &Set{Components: object{}, own: own, names: map[reflect.Type]string{}, taken: map[string]reflect.Type{}, words: map[reflect.Type][]string{}}
	words(s, account.Roles())
	words(s, account.Permissions())
	words(s, []inventory.State{inventory.Candidate, inventory.Confirmed, inventory.Unseen})
	words(s, []inventory.Authentication{inventory.AuthNone, inventory.AuthMixed, inventory.AuthEnforced, inventory.AuthUnknown})
	words(s, []inventory.Access{inventory.Read, inventory.Write})
	words(s, []bundle.Mode{bundle.ModeOff, bundle.ModeWatch, bundle.ModeEnforce})
	words(s, []bundle.ListKind{bundle.ListAddress, bundle.ListFingerprint, bundle.ListPrincipal, bundle.ListEndpoint, bundle.ListCountry, bundle.ListASN})
	words(s, []estate.Kind{estate.Whole, estate.OfSite, estate.OfHost, estate.Path, estate.Here, estate.Rest})
	words(s, []overview.Stage{overview.See, overview.Protect, overview.Keep})
	words(s, []rules.Kind{rules.KindRule, rules.KindList, rules.KindException, rules.KindUnknown})
	s.words[reflect.TypeFor[finding.Severity]()] = []string{"none", "low", "medium", "high", "critical"}
	return s
}

// words says that a type has no other values.
func words[T ~string](s *Set, all []T) {
	for _, w := range all {
		s.words[reflect.TypeFor[T]()] = append(s.words[reflect.TypeFor[T]()], string(w))
	}
}

// Of is the schema of a type.
func (s *Set) Of(t reflect.Type) object {
	if all, ok := s.words[t]; ok {
		return object{"type": "string", "enum": all}
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.Of(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.Of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.Of(t.Elem())}
	case reflect.Struct:
		return object{"$ref": "#/components/schemas/" + s.name(t)}
	default:
		return object{"type": "string"}
	}
}

// name is the component of a struct, made when it is first asked for: before its fields, since some hold themselves.
func (s *Set) name(t reflect.Type) string {
	if name, ok := s.names[t]; ok {
		return name
	}
	name := t.Name()
	if outer, inner, ok := strings.Cut(name, "["); ok { // page[merlon/internal/model/inventory.Endpoint]
		inner = strings.TrimSuffix(inner, "]")
		name = capital(inner[strings.LastIndexAny(inner, "./")+1:]) + capital(outer)
	}
	name = capital(name)
	if other, ok := s.taken[name]; ok && other != t {
		name = capital(t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]) + name
	}
	s.names[t], s.taken[name] = name, t
	properties, required := object{}, []string{}
	s.fields(t, properties, &required)
	s.Components[name] = object{"type": "object", "properties": properties, "required": required}
	return name
}

func (s *Set) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			s.fields(f.Type, properties, required)
			continue
		}
		if name == "-" || !f.IsExported() {
			continue
		}
		optional := strings.Contains(options, "omit")
		schema := s.Of(f.Type)
		// What a list of ours holds is never null; the estate's own lists are where nobody filled them.
		if kind := f.Type.Kind(); (kind == reflect.Slice || kind == reflect.Map) && f.Type != reflect.TypeFor[json.RawMessage]() && !optional && t.PkgPath() != s.own {
			schema["type"] = []string{schema["type"].(string), "null"}
		}
		properties[name] = schema
		if !optional {
			*required = append(*required, name)
		}
	}
}

func capital(s string) string {
	for i, c := range s {
		return string(unicode.ToUpper(c)) + s[i+len(string(c)):]
	}
	return s
}
