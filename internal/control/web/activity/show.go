package activity

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"merlon/internal/control/web/ui"
)

// show is ui.Show for pages full of callers' text.
func show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	return ui.Show(w, r, status, quiet(c))
}

// quiet draws c without the characters that are not seen but change what is: controls, which a terminal acts upon when
// somebody copies them, and those that turn or hide text (CVE-2021-42574). None of them has a place in our own markup, so it
// is done to all of it and nothing can be forgotten.
func quiet(c templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		var b bytes.Buffer
		if err := c.Render(ctx, &b); err != nil {
			return err
		}
		_, err := io.WriteString(w, strings.Map(visible, b.String()))
		return err
	})
}

func visible(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0x061c, r == 0xfeff:
		return utf8.RuneError
	}
	return r
}
