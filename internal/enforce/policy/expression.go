package policy

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// slip is one thing that is wrong in an expression, in the words of the rule language. at counts characters from 0.
type slip struct {
	at            int
	line          int // of the expression, from 1
	column        int // from 1, in the line
	message, hint string
}

// compileExpression checks a rule's expression against the environment and makes it ready to run. The program is nil when
// something is wrong.
func compileExpression(source string) (*vm.Program, []slip) {
	program, err := expr.Compile(source, expr.Env(&env{}), expr.AsBool(), expr.MaxNodes(maxNodes),
		expr.DisableBuiltin("now"), expr.DisableBuiltin("repeat"))
	if err == nil {
		return program, nil
	}
	// The library tells the first mistake. Names that nobody knows, which are most of them, are told all at once.
	if tree, parseErr := parser.Parse(source); parseErr == nil {
		n := &nameFinder{source: source, roots: vocabulary(), declared: make(map[string]bool)}
		ast.Walk(&tree.Node, &n.let)
		for _, name := range n.let.names {
			n.declared[name] = true
		}
		ast.Walk(&tree.Node, n)
		if len(n.slips) > 0 {
			slices.SortStableFunc(n.slips, func(a, b slip) int { return a.at - b.at })
			return nil, n.slips
		}
	}
	s := slip{message: firstLine(err.Error())}
	var told *file.Error
	if errors.As(err, &told) {
		s = place(source, told.From)
		s.message = told.Message
	}
	s.message, s.hint = inOurWords(s.message)
	return nil, []slip{s}
}

// place finds line and column of a character.
func place(source string, at int) slip {
	s := slip{at: at, line: 1, column: 1}
	for i, r := range []rune(source) {
		if i == at {
			break
		}
		s.column++
		if r == '\n' {
			s.line, s.column = s.line+1, 1
		}
	}
	return s
}

// vocabulary is what expressions can name: for each name its members, or none.
func vocabulary() map[string][]string {
	roots := make(map[string][]string)
	for f := range reflect.TypeFor[env]().Fields() {
		name := f.Tag.Get("expr")
		if name == "" {
			continue
		}
		roots[name] = nil
		if f.Type.Kind() == reflect.Struct {
			for m := range f.Type.Fields() {
				roots[name] = append(roots[name], m.Tag.Get("expr"))
			}
		}
	}
	return roots
}

// letFinder lists the names that an expression gives itself.
type letFinder struct{ names []string }

// Visit implements ast.Visitor.
func (l *letFinder) Visit(node *ast.Node) {
	if d, ok := (*node).(*ast.VariableDeclaratorNode); ok {
		l.names = append(l.names, d.Name)
	}
}

// nameFinder lists the names in an expression that nobody knows.
type nameFinder struct {
	source   string
	roots    map[string][]string
	let      letFinder
	declared map[string]bool
	slips    []slip
}

// Visit implements ast.Visitor.
func (n *nameFinder) Visit(node *ast.Node) {
	switch x := (*node).(type) {
	case *ast.IdentifierNode:
		if _, known := n.roots[x.Value]; known || n.declared[x.Value] || x.Value == "$env" {
			return
		}
		s := place(n.source, x.Location().From)
		s.message, s.hint = fmt.Sprintf("nothing is called %q", shorten(x.Value)), n.suggest(x.Value)
		n.slips = append(n.slips, s)
	case *ast.MemberNode:
		of, ok := x.Node.(*ast.IdentifierNode)
		if !ok || n.declared[of.Value] {
			return
		}
		name, ok := x.Property.(*ast.StringNode)
		if members := n.roots[of.Value]; ok && len(members) > 0 && !slices.Contains(members, name.Value) {
			s := place(n.source, x.Property.Location().From)
			s.message, s.hint = fmt.Sprintf("%s has no %q", of.Value, shorten(name.Value)), knownHint(name.Value, members)
			if best := nearest(name.Value, members); best != "" {
				s.hint = "did you mean " + of.Value + "." + best + "?"
			}
			n.slips = append(n.slips, s)
		}
	}
}

// suggest offers the nearest name, the members of all roots included, since people forget to write the root.
func (n *nameFinder) suggest(name string) string {
	var all, roots []string
	for _, root := range sortedKeys(n.roots) {
		roots = append(roots, root)
		if slices.Contains(n.roots[root], name) {
			all = append(all, root+"."+name)
		}
	}
	if len(all) > 0 {
		return "did you mean " + strings.Join(all, " or ") + "?"
	}
	functions := slices.DeleteFunc(slices.Clone(builtin.Names), func(s string) bool { return s == "now" || s == "repeat" })
	if best := nearest(name, slices.Concat(roots, functions)); best != "" {
		return "did you mean " + best + "?"
	}
	return "known are " + strings.Join(roots, ", ") + "; a text stands in quotes"
}

func sortedKeys(m map[string][]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// phrases turn what the library says into what people read. Groups that name types are put into words.
var phrases = []struct {
	from          *regexp.Regexp
	message, hint string
}{
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`), "%[1]q does not go with %[2]s and %[3]s", "compare texts with texts in quotes, and numbers with numbers"},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched type (.+)\)$`), "%[1]q does not go with %[2]s", ""},
	{regexp.MustCompile(`^expected bool, but got (.+)$`), "gives %[1]s, and a rule needs true or false", `compare it, such as request.method == "GET"`},
	{regexp.MustCompile(`^cannot use (.+) as argument \(type (.+)\) to call ([^ ]+) ?$`), "%[3]s takes %[2]s, not %[1]s", ""},
	{regexp.MustCompile(`^not enough arguments to call ([^ ]+)$`), "%[1]s needs more arguments", ""},
	{regexp.MustCompile(`^too many arguments to call ([^ ]+)$`), "%[1]s has too many arguments", ""},
	{regexp.MustCompile(`^(.+) is not callable$`), "%[1]s is no function", "write it without parentheses"},
	{regexp.MustCompile(`^type (.+) has no (?:field|method) (\S+)$`), "%[1]s has no %[2]q", ""},
	{regexp.MustCompile(`^builtin (\S+) takes only array \(got (.+)\)$`), "%[1]s takes a list, not %[2]s", ""},
	{regexp.MustCompile(`^predicate should return boolean \(got (.+)\)$`), "the condition gives %[1]s, and it must be true or false", ""},
	{regexp.MustCompile(`^non-bool expression \(type (.+)\) used as condition$`), "the condition is %[1]s, and it must be true or false", ""},
	{regexp.MustCompile(`^array elements can only be selected using an integer \(got (.+)\)$`), "elements of a list are chosen by number, not by %[1]s", ""},
	{regexp.MustCompile(`^invalid number of arguments(?: for \S+)? \((.+)\)$`), "has the wrong number of arguments: %[1]s", ""},
	{regexp.MustCompile(`^invalid argument for (\S+) \(type (.+)\)$`), "%[1]s does not take %[2]s", ""},
	{regexp.MustCompile(`^cannot use (.+) to get an element from (.+)$`), "%[1]s chooses nothing in %[2]s", ""},
	{regexp.MustCompile(`^type .+ is undefined$`), "what stands before [ has no elements", ""},
	{regexp.MustCompile(`^unknown name (\S+)$`), "nothing is called %[1]q", ""},
	{regexp.MustCompile(`^unexpected token EOF$`), "ends too early", ""},
	{regexp.MustCompile(`^unexpected token Operator\("="\)$`), `"=" is not expected here`, "write == to compare"},
	{regexp.MustCompile(`^unexpected token \w+\("(.*)"\)$`), `"%[1]s" is not expected here`, ""},
	{regexp.MustCompile(`^compilation failed: expression exceeds maximum allowed nodes$`), fmt.Sprintf("has more than %d parts", maxNodes), "use a list, or several rules"},
	{regexp.MustCompile(`^literal not terminated$`), "a text has no closing quote", ""},
}

// inOurWords says what the library says in the words of the rule language.
func inOurWords(message string) (text, hint string) {
	message = strings.ReplaceAll(firstLine(message), "%!s(<nil>)", "nil")
	for _, p := range phrases {
		m := p.from.FindStringSubmatch(message)
		if m == nil {
			continue
		}
		if !strings.Contains(p.message, "%[") {
			return p.message, p.hint
		}
		words := make([]any, 0, len(m))
		for _, w := range m[1:] {
			words = append(words, typeWord(w))
		}
		text = fmt.Sprintf(p.message, words...)
		if i := strings.Index(text, "%!(EXTRA"); i >= 0 {
			text = text[:i]
		}
		return text, p.hint
	}
	return typesIn.ReplaceAllStringFunc(message, typeWord), ""
}

// typesIn finds Go's names of types.
var typesIn = regexp.MustCompile(`\*?policy\.env\w*|func\([^)]*\)( \S+)?|(\[\])+(interface \{\}|[\w.]+)|map\[\w+\](interface \{\}|[\w.]+)|interface \{\}|\b(u?int(8|16|32|64)?|float(32|64)|bool|boolean|array|integer|time\.\w+)\b`)

// typeWord is what people call a type of Go; everything else is returned as it is.
func typeWord(t string) string {
	bare := strings.TrimPrefix(t, "*")
	switch {
	case t == "string":
		return "a string"
	case t == "bool", t == "boolean":
		return "true/false"
	case t == "nil":
		return "nothing (nil)"
	case t == "unknown", t == "interface {}":
		return "anything"
	case t == "array", strings.HasPrefix(t, "[]"):
		return "a list"
	case strings.HasPrefix(t, "map["):
		return "keys and values"
	case strings.HasPrefix(t, "func("):
		return "a function"
	case strings.HasPrefix(t, "time."):
		return "a time"
	case bare == "policy.env":
		return "the whole exchange"
	case strings.HasPrefix(bare, "policy.env"):
		return "all of " + strings.ToLower(strings.TrimPrefix(bare, "policy.env"))
	case numberType.MatchString(t):
		return "a number"
	}
	return t
}

var numberType = regexp.MustCompile(`^(u?int(8|16|32|64)?|float(32|64)|integer)$`)

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
