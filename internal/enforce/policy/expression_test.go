package policy

import (
	"regexp"
	"strings"
	"testing"

	"merlon/internal/model/bundle"
)

// goWords are what nobody has to know who writes a policy.
var goWords = regexp.MustCompile(`policy\.|env[A-Z]|\bfunc\b|interface|\bu?int(8|16|32|64)?\b|float\d|\bbool\b|\[\]|map\[|reflect|goroutine|\n|%!`)

func TestExpressionMistakesSpeakTheLanguageOfRules(t *testing.T) {
	for expression, want := range map[string][]string{
		`endpoint.colour == 1`:                        {`p:1:10: rules[0].when: endpoint has no "colour" (known are id, template,`},
		`endpoint.lable == "x"`:                       {`p:1:10: rules[0].when: endpoint has no "lable" (did you mean endpoint.label?)`},
		`endpont.label == "x"`:                        {`p:1:1: rules[0].when: nothing is called "endpont" (did you mean endpoint?)`},
		`method == "GET"`:                             {`p:1:1: rules[0].when: nothing is called "method" (did you mean endpoint.method or request.method?)`},
		`request.method == GET`:                       {`p:1:19: rules[0].when: nothing is called "GET" (`},
		`request.methd == "a" and client.agent == ""`: {`p:1:9: rules[0].when: request has no "methd" (did you mean request.method?)`, `p:1:33: rules[0].when: client has no "agent" (`},
		`request.header("a") == 5`:                    {`p:1:21: rules[0].when: "==" does not go with a string and a number`},
		`endpoint.documented == "yes"`:                {`p:1:21: rules[0].when: "==" does not go with true/false and a string`},
		`request.method`:                              {`gives a string, and a rule needs true or false`},
		`endpoint.labels == "a"`:                      {`p:1:17: rules[0].when: "==" does not go with a list and a string`},
		`request.header(5) == ""`:                     {`takes a string, not a number`},
		`request.header() == ""`:                      {`needs more arguments`},
		`request.header("a", "b") == ""`:              {`has too many arguments`},
		`request.method("a")`:                         {`a string is no function`},
		`request.header == "a"`:                       {`"==" does not go with a function and a string`},
		`request == "a"`:                              {`"==" does not go with all of request and a string`},
		`not request.method`:                          {`"not" does not go with a string`},
		`request.method = "GET"`:                      {`"=" is not expected here (write == to compare)`},
		`request.method == "GET`:                      {`a text has no closing quote`},
		`request.method ==`:                           {`ends too early`},
		`found("a") and`:                              {`ends too early`},
		`network.in("a"`:                              {`ends too early`},
		`any(request.method, true)`:                   {`any takes a list, not a string`},
		`any(endpoint.labels, # == 1)`:                {`"==" does not go with a string and a number`},
		`filter(endpoint.labels, "a") == []`:          {`the condition gives a string`},
		`now() > 1`:                                   {`p:1:1: rules[0].when: nothing is called "now"`},
		`endpoint.labels["a"] == ""`:                  {`elements of a list are chosen by number`},
		"request.method == \"GET\" and\n  clint.x":    {`line 2, column 3 of the expression: nothing is called "clint" (did you mean client?)`},
		`len(5) > 1`:                                  {`len`},
		strings.Repeat("1==1 or ", 400) + "true":      {`has more than 500 parts`},
	} {
		in := bundle.Policy{Source: "p", Rules: []bundle.Rule{{Name: "a", When: expression, Action: "block", WhenAt: bundle.Position{Line: 1, Column: 1}}}}
		_, wrong := Compile(&in)
		if len(wrong) != len(want) {
			t.Errorf("%s: %d mistakes:\n%s", shorten(expression), len(wrong), lines(wrong))
			continue
		}
		for i, m := range wrong {
			if !strings.Contains(m.String(), want[i]) || goWords.MatchString(m.String()) {
				t.Errorf("%s: %s\nwant %s", shorten(expression), m, want[i])
			}
		}
	}
}

// Every operator and function on every kind of value.
func TestNoExpressionShowsGo(t *testing.T) {
	values := []string{
		`"a"`, "1", "1.5", "true", "nil", "endpoint", "network.in", "endpoint.labels", "endpoint.id", "[1]", "{a: 1}", "request.header", "found", `request.header("x")`,
		"$env", "1..3", "date", `date("2026-01-01")`, `duration("1h")`, "#", ".a", "let",
	}
	shapes := []string{
		"%a == %b", "%a + %b", "%a and %b", "not %a", "-%a", "%a in %b", "%a contains %b", "%a matches %b", "%a[%b]", "%a.x", "%a(%b)", "%a ? %b : 1", "%a | len()", "len(%a)",
		"any(%a, %b)", "all(%a, {# == %b})", "map(%a, #)", "sum(%a)", "first(%a)", "upper(%a)", "split(%a, %b)", "join(%a, %b)", "int(%a) > %b", "%a", "%a[1:2]", "%a ?? %b", "sort(%a, %b)",
		"max(%a, %b)", "abs(%a)", "trim(%a)", "%a; %b", "let x = %a; x == %b", "%a not in %b", "reduce(%a, #acc + %b)", "get(%a, %b)", "groupBy(%a, %b)", "take(%a, %b)",
	}
	for _, s := range shapes {
		for _, a := range values {
			for _, b := range values {
				expression := strings.NewReplacer("%a", a, "%b", b).Replace(s)
				if _, slips := compileExpression(expression); len(slips) > 0 {
					for _, one := range slips {
						if goWords.MatchString(one.message+one.hint) || one.message == "" {
							t.Errorf("%s: %s (%s)", expression, one.message, one.hint)
						}
					}
				}
			}
		}
	}
}

func FuzzExpression(f *testing.F) {
	f.Add(`endpoint.label == "billing" and not network.in("office")`)
	f.Add("let a = 5; any(endpoint.labels, {# == a})")
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > maxExpression {
			return
		}
		program, slips := compileExpression(source)
		if (program == nil) != (len(slips) > 0) {
			t.Errorf("%q: %v", source, slips)
		}
		for _, s := range slips {
			if s.message == "" || strings.Contains(s.message, "\n") {
				t.Errorf("%q: %q", source, s.message)
			}
		}
	})
}
