package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

func auditCommand(c console) *cobra.Command {
	parent := &cobra.Command{
		Use: "audit", Short: "Check the log of who did what", Args: cobra.NoArgs, RunE: help,
		Example: `  merlon audit verify
  merlon audit verify --data /var/lib/merlon --seal 4f1c2a9b…`,
	}
	var f whereFlags
	var seal string
	verify := &cobra.Command{
		Use: "verify", Short: "Check that no entry was changed, removed or added", Args: cobra.NoArgs,
		Long: `Check that no entry was changed, removed or added: each holds a hash over itself and the entry before.
It reads the database beside a running Merlon and changes nothing. Whoever can write the database can also make a whole new
chain, or cut off its end: keep the seal that is printed elsewhere, and give it back with --seal to see that it is still there.`,
		Example: "  merlon audit verify --data /var/lib/merlon",
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := f.dataDirectory()
			if err != nil {
				return err
			}
			want, err := parseSeal(seal)
			if err != nil {
				return err
			}
			v, kept, err := verifyAudit(cmd.Context(), data, want)
			switch {
			case err != nil:
				return err
			case v.Broken != 0:
				return &exitError{exitFound, fmt.Errorf("the chain breaks at #%d: this entry, or one before it, was changed, removed or added outside Merlon", v.Broken)}
			case !kept:
				return &exitError{exitFound, errors.New("no entry has this seal: the log was cut off or made anew since it was printed, or the entry is older than what is kept")}
			}
			_, err = fmt.Fprintf(c.out, "chain intact up to #%d, seal %s\n", v.Last, hex.EncodeToString(v.Hash[:]))
			return output(err)
		},
	}
	verify.Flags().StringVar(&f.data, "data", "", "data directory (default ./data)")
	verify.Flags().StringVarP(&f.config, "config", "c", "", "configuration file whose data directory is meant")
	verify.Flags().StringVar(&seal, "seal", "", "seal that was printed before and must still be there")
	parent.AddCommand(verify)
	return parent
}

// parseSeal reads the hash of an entry; nil for none.
func parseSeal(s string) (*[32]byte, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no seal is asked for
	}
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) != 32 {
		return nil, usage("--seal %q is no seal: write the 64 hexadecimal digits that verify printed", s)
	}
	return (*[32]byte)(b), nil
}

// verifyAudit walks the chain of a data directory, and looks for the entry with a seal.
func verifyAudit(ctx context.Context, data string, seal *[32]byte) (v sqlite.AuditChain, kept bool, err error) {
	path := filepath.Join(data, "merlon.db")
	if _, err := os.Stat(path); err != nil {
		return v, false, usage("%s holds no data of Merlon: run merlon serve first, or name another directory with --data", data)
	}
	db, err := sqlite.OpenReader(ctx, path, sqlite.Options{Now: time.Now})
	if err != nil {
		return v, false, failed(err)
	}
	defer db.Close()
	if v, err = db.VerifyAudit(ctx); err != nil {
		return v, false, failed(err)
	}
	if seal == nil {
		return v, true, nil
	}
	_, err = db.AuditSealed(ctx, *seal)
	if errors.Is(err, store.ErrNotFound) {
		return v, false, nil
	}
	if err != nil {
		return v, false, failed(err)
	}
	return v, true, nil
}
