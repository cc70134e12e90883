package web_test

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"merlon/internal/control/admin/admintest"
	"merlon/internal/model/account"
)

var update = flag.Bool("update", false, "rewrite docs/reference/permissions.md")

// TestPermissionsPage holds the page to the tables that the code goes by: roles, permissions and routes.
func TestPermissionsPage(t *testing.T) {
	page := filepath.Join("..", "..", "..", "docs", "reference", "permissions.md")
	want := permissionsPage(operations(admintest.New(t)))
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says; run: go test ./internal/control/web -run TestPermissionsPage -update", page)
	}
}

func permissionsPage(all []operation) string {
	var b strings.Builder
	b.WriteString("# Permissions\n\n<!-- Written by `go test ./internal/control/web -run TestPermissionsPage -update` from the code. -->\n\n" +
		"A person has one role. A token has a role, too, and may be cut down to scopes (permissions out of this table) and to sites. What a role lacks, no scope gives.\n\n")
	b.WriteString("| Permission | What it permits |")
	for _, r := range account.Roles() {
		b.WriteString(" " + string(r) + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat(":-:|", len(account.Roles())) + "\n")
	for _, p := range account.Permissions() {
		b.WriteString("| `" + string(p) + "` | " + p.About())
		if p.PersonOnly() {
			b.WriteString("; people only, no token")
		}
		b.WriteString(" |")
		for _, r := range account.Roles() {
			if r.May(p) {
				b.WriteString(" yes |")
			} else {
				b.WriteString(" – |")
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\nInviting, changing and removing people, making tokens, and turning a second factor on or off want a person who has shown who they are within the last ten minutes.\n")
	b.WriteString("\n## What asks for what\n\nEvery page, form and operation of the API, by what it needs. A test asks for each of them as every role, with cookies and with tokens, and as those whose time has ended.\n")
	needs := append([]account.Permission{account.Open, account.SignedIn, account.Self}, account.Permissions()...)
	for _, p := range needs {
		var lines []string
		for _, o := range all {
			if o.needs == p {
				lines = append(lines, "- `"+o.method+" "+strings.ReplaceAll(o.path, "{$}", "")+"`\n")
			}
		}
		if len(lines) == 0 {
			continue
		}
		slices.SortFunc(lines, func(a, b string) int {
			_, pathA, _ := strings.Cut(a, " ")
			_, pathB, _ := strings.Cut(b, " ")
			return cmp.Or(cmp.Compare(pathA, pathB), cmp.Compare(a, b))
		})
		b.WriteString("\n### " + title(p) + "\n\n" + strings.Join(slices.Compact(lines), ""))
	}
	return b.String()
}

func title(p account.Permission) string {
	switch p {
	case account.Open:
		return "Nobody needs to be signed in"
	case account.SignedIn:
		return "Whoever is signed in"
	case account.Self:
		return "A person, about their own account"
	default:
		return "`" + string(p) + "`"
	}
}
