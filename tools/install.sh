#!/bin/sh
# Installs developers' tools into bin/ at pinned versions: tools/install.sh NAME...
# They are installed one by one and not as tool directives of a module, so that the 207 modules of the linter never meet
# those of the product or of each other. The go command checks each module against the checksum database.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
for name in "$@"; do
	case $name in
	golangci-lint) module=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 ;;
	gofumpt) module=mvdan.cc/gofumpt@v0.12.0 ;;
	templ) module=github.com/a-h/templ/cmd/templ@v0.3.977 ;; # the version in go.mod
	benchstat) module=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da ;;
	*) echo "no such tool: $name (golangci-lint, gofumpt, templ, benchstat)" >&2; exit 2 ;;
	esac
	echo "installing $module" >&2
	(cd "$top/tools" && GOBIN="$top/bin" CGO_ENABLED=0 go install "$module")
	touch "$top/bin/$name"
done
