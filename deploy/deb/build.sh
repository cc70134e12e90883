#!/bin/sh
# Builds merlon_VERSION_ARCH.deb of a built binary, with dpkg-deb alone.
#   deploy/deb/build.sh BINARY VERSION ARCH OUTPUT_DIRECTORY
# COMPRESSION (xz) is dpkg-deb's.
set -eu
[ $# -eq 4 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
binary=$1 version=$2 arch=$3 out=$4
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"
umask 022
install -D -m 0755 "$binary" "$root/usr/bin/merlon"
install -D -m 0644 "$here/../systemd/merlon.service" "$root/usr/lib/systemd/system/merlon.service"
install -D -m 0644 "$here/../systemd/merlon.socket" "$root/usr/lib/systemd/system/merlon.socket"
install -D -m 0640 "$here/merlon.yaml" "$root/etc/merlon/merlon.yaml"
install -D -m 0644 "$here/../../LICENSE" "$root/usr/share/doc/merlon/copyright"
gzip -9n < "$here/../../CHANGELOG.md" > "$root/usr/share/doc/merlon/changelog.gz"
chmod 0644 "$root/usr/share/doc/merlon/changelog.gz"
mkdir "$root/DEBIAN"
cat > "$root/DEBIAN/control" <<CONTROL
Package: merlon
Version: $version
Architecture: $arch
Maintainer: The Merlon authors <merlon@localhost>
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: adduser
Section: net
Priority: optional
Description: API security gateway that finds and learns every API
 Merlon finds every API an organisation runs, learns what normal is, lets only
 known-good requests through, and gives security, developers and operations one
 control plane, in one program.
CONTROL
echo /etc/merlon/merlon.yaml > "$root/DEBIAN/conffiles"
cat > "$root/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
  adduser --system --group --quiet --home /var/lib/merlon --no-create-home merlon
  install -d -o merlon -g merlon -m 0700 /var/lib/merlon
  chgrp merlon /etc/merlon/merlon.yaml
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # A new program file takes over from the old one without dropping a connection.
    if [ -n "$2" ] && systemctl is-active --quiet merlon.service; then
      systemctl kill --kill-whom=main -s USR2 merlon.service || true
    fi
  fi
fi
POSTINST
cat > "$root/DEBIAN/prerm" <<'PRERM'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now merlon.service merlon.socket || true
fi
PRERM
cat > "$root/DEBIAN/postrm" <<'POSTRM'
#!/bin/sh
set -e
# What was learned stays, also after a purge: it is the operator's.
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
POSTRM
chmod 0755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"
mkdir -p "$out"
dpkg-deb -Z"${COMPRESSION:-xz}" --root-owner-group --build "$root" "$out/merlon_${version}_${arch}.deb"
