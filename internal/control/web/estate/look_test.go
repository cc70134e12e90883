package estate_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"merlon/internal/control/admin/admintest"
)

// TestLook keeps pictures of every page of the room in $MERLON_SCREENSHOTS: wide and narrow, light and dark.
func TestLook(t *testing.T) {
	dir := os.Getenv("MERLON_SCREENSHOTS")
	if dir == "" {
		t.Skip("NO PICTURES: set MERLON_SCREENSHOTS to a folder to keep them")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NO CHROMIUM: install the package chromium")
	}
	w := admintest.New(t)
	w.SetEstate(made(20_000, w.Now()))
	s := open(t, w)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	do("sign in", chromedp.Navigate(s.server.URL+"/sign-in"), chromedp.WaitVisible(`input[name=password]`),
		chromedp.SendKeys(`input[name=name]`, admintest.Name), chromedp.SendKeys(`input[name=password]`, admintest.Password),
		chromedp.Click(`button.primary`), chromedp.WaitReady(`.side nav`))
	for _, page := range []struct{ name, path string }{
		{"list", "/inventory?view=all"},
		{"found", "/inventory?q=invoices&auth=none&risk=20"},
		{"groups", "/inventory?group=owner&open=team-platform"},
		{"nothing", "/inventory?q=nothing+at+all"},
		{"tree", "/inventory/tree"},
		{"tree-host", "/inventory/tree?site=acme&host=patients-core.acme.example"},
		{"tree-known", "/inventory/tree?site=acme&colour=known&size=requests"},
		{"edit", "/inventory/edit?all=1&auth=none&method=POST"},
		{"views", "/inventory/views"},
		{"changes", "/inventory/changes"},
	} {
		for _, size := range []struct {
			name          string
			width, height int64
		}{{"1440", 1440, 900}, {"390", 390, 844}} {
			for _, scheme := range []string{"light", "dark"} {
				if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
				}); err != nil {
					t.Fatal(err)
				}
				do(page.name, chromedp.EmulateViewport(size.width, size.height), chromedp.Navigate(s.server.URL+page.path))
				png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, page.name+"-"+size.name+"-"+scheme+".png"), png, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
