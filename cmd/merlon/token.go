package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"merlon/cmd/merlon/outline"
	"merlon/internal/config"
	"merlon/internal/control/admin/people"
	"merlon/internal/model/account"
	"merlon/internal/store/local"
	"merlon/internal/store/sqlite"
)

// tokenLine is a token as the API tells it; the secret is there once, when it is made.
type tokenLine struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Role    account.Role `json:"role"`
	Scopes  []string     `json:"scopes"`
	Sites   []string     `json:"sites"`
	By      string       `json:"by"`
	Created time.Time    `json:"created"`
	Expires time.Time    `json:"expires,omitzero"`
	Used    time.Time    `json:"used,omitzero"`
	Secret  string       `json:"secret,omitempty"`
}

func tokenCommand(c console) *cobra.Command {
	parent := &cobra.Command{
		Use: "token", Short: "Make, list and revoke the tokens that machines use the API with", Args: cobra.NoArgs, RunE: help,
		Long: `Make, list and revoke the tokens that machines use the API with.
A running Merlon on the same data directory is asked through a socket there; without one the directory itself is changed.`,
		Example: `  export MERLON_TOKEN=$(merlon token create ci --role viewer)
  merlon token list
  merlon token revoke 4f1c2a9be07d3356`,
	}
	var create, list, revoke whereFlags
	var role, format string
	var days int
	var scopes, sites []string
	createCmd := &cobra.Command{
		Use: "create NAME", Short: "Make a token; its secret is printed once, and kept nowhere", Args: cobra.ExactArgs(1),
		Example: "  merlon token create ci --role viewer --days 30\n  merlon token create export --role viewer --scope inventory.see --site acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := account.ParseRole(role); !ok {
				return usage("role %q is unknown: use one of %s", role, roles())
			}
			if most := int(people.MaxTokenAge / (24 * time.Hour)); days < 1 || days > most {
				return usage("--days %d is not between 1 and %d", days, most)
			}
			for _, p := range scopes {
				if _, ok := account.ParsePermission(p); !ok {
					return usage("--scope %q is no permission: docs/reference/permissions.md lists them, inventory.see is one", p)
				}
			}
			return create.tokens(cmd.Context(), func(ctx context.Context, t tokenRoom) error {
				made, err := t.create(ctx, tokenWish{args[0], account.Role(role), days, scopes, sites})
				if err != nil {
					return err
				}
				fmt.Fprintf(c.err, "token %s of %q, role %s, until %s; its secret is shown this once:\n", made.ID, made.Name, made.Role, outline.Day(made.Expires))
				_, err = fmt.Fprintln(c.out, made.Secret)
				return output(err)
			})
		},
	}
	createCmd.Flags().StringVar(&role, "role", string(account.Viewer), "what it may: "+roles())
	createCmd.Flags().IntVar(&days, "days", int(people.TokenAge/(24*time.Hour)), "how many days it lives")
	createCmd.Flags().StringArrayVar(&scopes, "scope", nil, "cut it down to this permission of its role, such as inventory.see; may be given several times")
	createCmd.Flags().StringArrayVar(&sites, "site", nil, "cut it down to this site; may be given several times")
	listCmd := &cobra.Command{
		Use: "list", Short: "List the tokens, without their secrets", Args: cobra.NoArgs, Example: "  merlon token list --format json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return usage("format %q is unknown: use table or json", format)
			}
			return list.tokens(cmd.Context(), func(ctx context.Context, t tokenRoom) error {
				all, err := t.list(ctx)
				if err != nil {
					return err
				}
				if format == "json" {
					return writeJSON(c.out, all)
				}
				w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tROLE\tBY\tCREATED\tEXPIRES\tUSED\tSCOPES\tSITES")
				for _, k := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, outline.Printable(k.Name), k.Role, outline.Printable(k.By), outline.Day(k.Created), outline.Day(k.Expires), outline.Day(k.Used), every(k.Scopes), every(k.Sites))
				}
				return output(w.Flush())
			})
		},
	}
	listCmd.Flags().StringVar(&format, "format", "table", "one of table, json")
	revokeCmd := &cobra.Command{
		Use: "revoke ID", Short: "End a token at once", Args: cobra.ExactArgs(1), Example: "  merlon token revoke 4f1c2a9be07d3356",
		RunE: func(cmd *cobra.Command, args []string) error {
			return revoke.tokens(cmd.Context(), func(ctx context.Context, t tokenRoom) error { return t.revoke(ctx, args[0]) })
		},
	}
	create.register(createCmd)
	list.register(listCmd)
	revoke.register(revokeCmd)
	parent.AddCommand(createCmd, listCmd, revokeCmd)
	return parent
}

// every is a list in a cell; none cuts nothing.
func every(list []string) string {
	if len(list) == 0 {
		return "all"
	}
	return outline.Printable(strings.Join(list, ","))
}

func roles() string {
	var all []string
	for _, r := range account.Roles() {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

// register adds the flags that say which Merlon is meant.
func (f *whereFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.data, "data", "", "data directory (default ./data); a running Merlon on it is asked by itself")
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration file whose data directory is meant")
	cmd.Flags().StringVar(&f.server, "server", "", "URL of a running Merlon's API, such as http://127.0.0.1:9901; its token is read from MERLON_TOKEN")
}

// tokenWish is what a token should be, as the API takes it.
type tokenWish struct {
	Name   string       `json:"name"`
	Role   account.Role `json:"role"`
	Days   int          `json:"days"`
	Scopes []string     `json:"scopes,omitempty"`
	Sites  []string     `json:"sites,omitempty"`
}

// tokenRoom is where tokens are kept.
type tokenRoom interface {
	create(ctx context.Context, wish tokenWish) (tokenLine, error)
	list(ctx context.Context) ([]tokenLine, error)
	revoke(ctx context.Context, id string) error
}

// tokens finds where the tokens are kept and does something with them.
func (f *whereFlags) tokens(ctx context.Context, do func(context.Context, tokenRoom) error) error {
	r, data, err := f.find(ctx)
	if err != nil {
		return err
	}
	if r != nil {
		return do(ctx, remoteTokens{r})
	}
	return withStoredTokens(ctx, data, do)
}

// remoteTokens are those of a running Merlon.
type remoteTokens struct{ *remote }

func (t remoteTokens) create(ctx context.Context, wish tokenWish) (made tokenLine, err error) {
	err = t.call(ctx, http.MethodPost, "/v1/tokens", "", wish, &made)
	return made, err
}

func (t remoteTokens) list(ctx context.Context) ([]tokenLine, error) {
	all := []tokenLine{}
	query := url.Values{"limit": {"500"}}
	for {
		var page struct {
			Items []tokenLine
			Next  string `json:"next_cursor"`
		}
		if err := t.call(ctx, http.MethodGet, "/v1/tokens", query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" || page.Next == query.Get("cursor") {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
}

func (t remoteTokens) revoke(ctx context.Context, id string) error {
	return t.call(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(id), "", nil, nil)
}

// storedTokens are those of a data directory that nobody else holds.
type storedTokens struct{ people *people.People }

// withStoredTokens holds the directory while something is done.
func withStoredTokens(ctx context.Context, data string, do func(context.Context, tokenRoom) error) (err error) {
	if _, err := os.Stat(filepath.Join(data, "merlon.db")); err != nil {
		return usage("%s holds no data of Merlon: run merlon serve first, or name another directory with --data", data)
	}
	s, err := local.Open(ctx, data, local.Options{
		Now: time.Now, Command: "merlon token", Random: rand.Reader, DefaultSite: config.DefaultSiteName, Database: sqlite.Options{Node: config.Default().Node},
	})
	if err != nil {
		return coded(err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running, nil) }()
	defer func() {
		stop()
		if runErr := errors.Join(<-ended, s.Close()); err == nil && runErr != nil {
			err = failed(runErr)
		}
	}()
	key, err := s.Directory.PeopleKey(rand.Reader)
	if err != nil {
		return failed(err)
	}
	p, err := people.New(people.Options{Store: s.DB, Key: key, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return failed(err)
	}
	return do(ctx, storedTokens{p})
}

func (storedTokens) caller() people.Caller {
	return people.Local("command line", time.Now(), account.Admin, account.EditTokens)
}

func (t storedTokens) create(ctx context.Context, wish tokenWish) (tokenLine, error) {
	q := people.TokenRequest{Name: wish.Name, Role: wish.Role, Sites: wish.Sites, Age: time.Duration(wish.Days) * 24 * time.Hour}
	for _, p := range wish.Scopes {
		q.Scopes = append(q.Scopes, account.Permission(p))
	}
	k, secret, err := t.people.CreateToken(ctx, t.caller(), q)
	line := lineOf(k)
	line.Secret = secret
	return line, tokenError(err)
}

func (t storedTokens) list(ctx context.Context) ([]tokenLine, error) {
	stored, err := t.people.Tokens(ctx, t.caller())
	all := []tokenLine{}
	for _, k := range stored {
		all = append(all, lineOf(k))
	}
	return all, tokenError(err)
}

func (t storedTokens) revoke(ctx context.Context, id string) error {
	return tokenError(t.people.RevokeToken(ctx, t.caller(), id))
}

func lineOf(k account.Token) tokenLine {
	line := tokenLine{ID: k.ID, Name: k.Name, Role: k.Role, Scopes: []string{}, Sites: append([]string{}, k.Sites...), By: k.By, Created: k.Created.UTC(), Expires: k.Expires, Used: k.Used}
	for _, p := range k.Scopes {
		line.Scopes = append(line.Scopes, string(p))
	}
	return line
}

// tokenError gives an error of a use case its exit code.
func tokenError(err error) error {
	var input *people.InputError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &input):
		return usage("%v", err)
	case errors.Is(err, people.ErrNotFound):
		return usage("there is no such token: merlon token list shows all")
	}
	return failed(err)
}
