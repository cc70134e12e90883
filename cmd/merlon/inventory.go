package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"merlon/cmd/merlon/outline"
	"merlon/internal/control/admin"
	"merlon/internal/core"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// readFlags say where a reading command reads from.
type readFlags struct {
	whereFlags
	format, site string
}

func (f *readFlags) register(cmd *cobra.Command, formats string) {
	f.whereFlags.register(cmd)
	cmd.Flags().StringVar(&f.format, "format", strings.Split(formats, ",")[0], "one of "+formats)
	cmd.Flags().StringVar(&f.site, "site", "", "only this site")
}

func inventoryCommand(c console) *cobra.Command {
	parent := &cobra.Command{
		Use: "inventory", Short: "List, show, compare and export the endpoints that are known", Args: cobra.NoArgs, RunE: help,
		Example: `  merlon inventory list
  merlon inventory show 12
  merlon inventory export --format openapi > openapi.json`,
	}
	var list, show, diff, export readFlags
	listCmd := &cobra.Command{
		Use: "list", Short: "List the endpoints", Args: cobra.NoArgs, Example: "  merlon inventory list --format json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := list.load(cmd.Context())
			if err != nil {
				return err
			}
			return writeList(c.out, list.format, v)
		},
	}
	list.register(listCmd, "table,json,csv")
	showCmd := &cobra.Command{
		Use: "show ID|'METHOD /template'", Short: "Show everything known of one endpoint", Args: cobra.ExactArgs(1), Example: "  merlon inventory show 'GET /patients/{patientId}'",
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := show.load(cmd.Context())
			if err != nil {
				return err
			}
			e, err := findEndpoint(v, args[0])
			if err != nil {
				return err
			}
			return writeEndpoint(c.out, show.format, e)
		},
	}
	show.register(showCmd, "table,json")
	var against string
	diffCmd := &cobra.Command{
		Use: "diff --against FILE", Short: "Compare with an earlier `inventory export --format json`", Args: cobra.NoArgs,
		Example: "  merlon inventory export --format json > monday.json\n  merlon inventory diff --against monday.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := diff.load(cmd.Context())
			if err != nil {
				return err
			}
			return writeDiff(c.out, diff.format, against, v)
		},
	}
	diffCmd.Flags().StringVar(&against, "against", "", "the earlier export (JSON)")
	_ = diffCmd.MarkFlagRequired("against")
	diff.register(diffCmd, "table,json")
	exportCmd := &cobra.Command{
		Use: "export", Short: "Export the inventory; as OpenAPI, one document a site", Args: cobra.NoArgs, Example: "  merlon inventory export --format openapi --site shop",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := export.load(cmd.Context())
			if err != nil {
				return err
			}
			if !slices.Contains(admin.Formats(), admin.Format(export.format)) {
				return usage("format %q is unknown: use json, csv or openapi", export.format)
			}
			if export.format == string(admin.FormatOpenAPI) && len(v.Sites) > 1 {
				return usage("an OpenAPI document describes one site: choose one with --site")
			}
			return output(admin.Export(c.out, admin.Format(export.format), *v))
		},
	}
	export.register(exportCmd, "json,csv,openapi")
	parent.AddCommand(listCmd, showCmd, diffCmd, exportCmd)
	return parent
}

// load reads the latest inventory: from a running Merlon when one is named or has the data directory, else from the files.
func (f *readFlags) load(ctx context.Context) (*inventory.Inventory, error) {
	r, data, err := f.find(ctx)
	if err != nil {
		return nil, err
	}
	var v *inventory.Inventory
	if r != nil {
		v, err = r.inventory(ctx)
	} else {
		v, err = readInventory(ctx, data)
	}
	if err != nil {
		return nil, err
	}
	if f.site == "" {
		return v, nil
	}
	v.Sites = slices.DeleteFunc(v.Sites, func(s inventory.Site) bool { return s.Name != f.site })
	if len(v.Sites) == 0 {
		return nil, usage("there is no site %q", f.site)
	}
	return v, nil
}

// readInventory reads the store beside a running Merlon: SQLite's readers do not disturb its writer.
func readInventory(ctx context.Context, dir string) (*inventory.Inventory, error) {
	path := filepath.Join(dir, "merlon.db")
	if _, err := os.Stat(path); err != nil {
		return nil, usage("%s holds no data of Merlon: run merlon serve or merlon ingest first, or name another directory with --data", dir)
	}
	db, err := sqlite.OpenReader(ctx, path, sqlite.Options{Now: time.Now})
	if err != nil {
		return nil, failed(err)
	}
	defer db.Close()
	v, err := db.Inventory(ctx, 0)
	if errors.Is(err, store.ErrNotFound) {
		return &inventory.Inventory{}, nil
	}
	if err != nil {
		return nil, failed(err)
	}
	return v, nil
}

func endpoints(v *inventory.Inventory) []inventory.Endpoint {
	all := []inventory.Endpoint{}
	for _, s := range v.Sites {
		all = append(all, s.Endpoints...)
	}
	return all
}

func findEndpoint(v *inventory.Inventory, what string) (*inventory.Endpoint, error) {
	if id, err := strconv.ParseUint(what, 10, 32); err == nil {
		if e, ok := v.Endpoint(identity.EndpointID(id)); ok {
			return e, nil
		}
		return nil, usage("no endpoint has id %d; merlon inventory list shows all", id)
	}
	method, template, _ := strings.Cut(what, " ")
	for _, s := range v.Sites {
		for i := range s.Endpoints {
			if e := &s.Endpoints[i]; strings.EqualFold(e.Method, method) && e.Template == template {
				return e, nil
			}
		}
	}
	return nil, usage("no endpoint is called %q; write an id, or METHOD /template as in merlon inventory list", what)
}

func writeList(w io.Writer, format string, v *inventory.Inventory) error {
	switch format {
	case "json":
		all := endpoints(v)
		for i := range all {
			all[i].Detail = nil
		}
		return writeJSON(w, all)
	case "csv":
		return output(admin.Export(w, admin.FormatCSV, *v))
	case "table":
	default:
		return usage("format %q is unknown: use table, json or csv", format)
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tMETHOD\tTEMPLATE\tHOST\tSTATE\tLIFECYCLE\tAUTH\tREQUESTS\tCALLERS\tRISK\tLAST SEEN")
	for _, e := range endpoints(v) {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%.0f\t%s\n", e.ID, outline.Printable(e.Method), outline.Printable(e.Template), outline.Printable(e.Host), e.State,
			outline.OrDash(strings.Join(e.Lifecycle, " ")), e.Auth, e.Requests, e.Callers, e.Risk.Score, outline.Day(e.LastSeen))
	}
	return output(t.Flush())
}

func writeEndpoint(w io.Writer, format string, e *inventory.Endpoint) error {
	switch format {
	case "json":
		return writeJSON(w, e)
	case "table":
		return output(outline.Endpoint(w, e))
	default:
		return usage("format %q is unknown: use table or json", format)
	}
}

func writeDiff(w io.Writer, format, against string, v *inventory.Inventory) error {
	data, err := core.ReadBounded(against, core.MaxSpecBytes)
	if err != nil {
		return usage("%v", err)
	}
	var old []inventory.Endpoint
	if err := json.Unmarshal(data, &old); err != nil {
		return usage("%s was not made by: merlon inventory export --format json", against)
	}
	changes := outline.Compare(old, endpoints(v))
	switch format {
	case "json":
		err = writeJSON(w, changes)
	case "table":
		for _, ch := range changes {
			fmt.Fprintln(w, outline.Printable(strings.TrimSpace(fmt.Sprintf("%-8s %s %s %s", ch.What, ch.Site, ch.Endpoint, ch.Detail))))
		}
	default:
		return usage("format %q is unknown: use table or json", format)
	}
	return err
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return output(enc.Encode(v))
}

// output gives an error of writing its exit code.
func output(err error) error {
	if err != nil {
		return failed(err)
	}
	return nil
}
