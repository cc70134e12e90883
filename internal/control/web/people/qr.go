package people

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// drawn is a QR code as one path of a server-drawn picture: nothing is loaded, and no script draws it.
type drawn struct {
	Box  string // viewBox, with the quiet zone of four modules around it (ISO 18004)
	Size string
	Path string
}

const quiet = 4

func drawQR(text string) (drawn, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return drawn{}, fmt.Errorf("QR code: %w", err)
	}
	n := code.Bounds().Dx()
	var b strings.Builder
	for y := range n {
		for x := 0; x < n; x++ {
			run := 0
			for x+run < n {
				if r, _, _, _ := code.At(x+run, y).RGBA(); r != 0 {
					break
				}
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	size := strconv.Itoa(n + 2*quiet)
	return drawn{"0 0 " + size + " " + size, size, b.String()}, nil
}
