package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"merlon/internal/config"
)

const deploy = "../../deploy"

// outside runs a program of the machine, or says loudly that it is not there.
func outside(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("NOT TESTED: %s is not installed", name)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestPackage builds the Debian package of this test's own program and looks into it.
func TestPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("NOT TESTED: dpkg-deb is not installed")
	}
	dir := t.TempDir()
	t.Setenv("COMPRESSION", "none") // packing well takes a minute
	outside(t, "sh", filepath.Join(deploy, "deb", "build.sh"), os.Args[0], "1.2.3", "amd64", dir)
	file := filepath.Join(dir, "merlon_1.2.3_amd64.deb")
	list := outside(t, "dpkg-deb", "--contents", file)
	for _, want := range []string{
		"-rwxr-xr-x root/root", "./usr/bin/merlon", "./usr/lib/systemd/system/merlon.service", "./usr/lib/systemd/system/merlon.socket", "./etc/merlon/merlon.yaml",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("the package lacks %q:\n%s", want, list)
		}
	}
	about := outside(t, "dpkg-deb", "--info", file)
	for _, want := range []string{"Package: merlon", "Version: 1.2.3", "conffiles", "postinst"} {
		if !strings.Contains(about, want) {
			t.Errorf("the package does not say %q:\n%s", want, about)
		}
	}
	t.Run("lintian", func(t *testing.T) {
		outside(t, "lintian", "--fail-on", "error", "--suppress-tags", "no-copyright-file,copyright-file-lacks-pointer-to-license,unstripped-binary-or-object,statically-linked-binary", file)
	})
}

// TestPackagedConfiguration: what is installed is a configuration without mistakes.
func TestPackagedConfiguration(t *testing.T) {
	c, wrong := config.Load(filepath.Join(deploy, "deb", "merlon.yaml"), os.ReadFile)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if _, wrong = c.Apply(config.Flags{}); len(wrong) > 0 {
		t.Fatal(wrong)
	}
}

// TestUnits lets systemd read the units, and measure how exposed the service is: below 2 of 10 is "OK".
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"merlon.service", "merlon.socket"} {
		b, err := os.ReadFile(filepath.Join(deploy, "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		// The program is not installed where tests run.
		text := strings.ReplaceAll(string(b), "/usr/bin/merlon", os.Args[0])
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, "[Install]") {
			t.Errorf("%s cannot be enabled", name)
		}
	}
	outside(t, "systemd-analyze", "verify", filepath.Join(dir, "merlon.service"))
	outside(t, "systemd-analyze", "security", "--offline=yes", "--threshold=20", filepath.Join(dir, "merlon.service"))
}
