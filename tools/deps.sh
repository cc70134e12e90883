#!/bin/sh
# Installs the Debian packages that some tests and the benchmark use, when they are missing and that can be done here.
# Nothing fails for want of one: the test that needs it says so and passes itself by.
top=$(cd "$(dirname "$0")/.." && pwd)
if [ ! -x "$top/bin/h2spec" ] && ! command -v h2spec >/dev/null 2>&1; then
	(cd "$top/tools/h2spec" && CGO_ENABLED=0 "${GO:-go}" build -trimpath -o "$top/bin/h2spec" github.com/summerwind/h2spec/cmd/h2spec) </dev/null ||
		echo "deps: MISSING: h2spec (make bin/h2spec) - the test that runs it will be PASSED BY" >&2
fi
# axe-core looks at the accessibility of pages in tests (docs/decisions/0035-axe-core.md); it is in no binary.
axe_sum=e9e5863c33a874f09bc01acd9234b7e3c871479f5eef8802fa582544465e6d01 # of package/axe.min.js in axe-core 4.11.0
if [ ! -f "$top/bin/axe.min.js" ] || ! echo "$axe_sum  $top/bin/axe.min.js" | sha256sum -c --status 2>/dev/null; then
	rm -f "$top/bin/axe.min.js"
	scratch=$(mktemp -d)
	if (cd "$scratch" && npm pack --silent axe-core@4.11.0 >/dev/null 2>&1 && tar -xzf axe-core-4.11.0.tgz package/axe.min.js &&
		echo "$axe_sum  package/axe.min.js" | sha256sum -c --status) </dev/null; then
		mkdir -p "$top/bin" && mv "$scratch/package/axe.min.js" "$top/bin/axe.min.js"
	else
		echo "deps: MISSING: axe-core 4.11.0 (npm pack) - accessibility of pages will NOT be looked at" >&2
	fi
	rm -rf "$scratch"
fi
missing=""
for pair in nginx:nginx-light haproxy:haproxy apache2:apache2-bin caddy:caddy node:nodejs wrk:wrk h2load:nghttp2-client chromium:chromium \
	/usr/lib/nginx/modules/ngx_stream_module.so:libnginx-mod-stream; do
	program=${pair%%:*}
	if ! command -v "$program" >/dev/null 2>&1 && [ ! -x "/usr/sbin/$program" ] && [ ! -f "$program" ]; then
		missing="$missing ${pair#*:}"
	fi
done
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	echo "deps: installing$missing" >&2
	if DEBIAN_FRONTEND=noninteractive timeout 240 sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing" </dev/null >/dev/null 2>&1; then
		exit 0
	fi
	echo "deps: apt-get FAILED" >&2
fi
echo "deps: MISSING:$missing - tests that need them will be PASSED BY. As root: apt-get install$missing" >&2
exit 0
