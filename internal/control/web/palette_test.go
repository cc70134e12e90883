package web

import (
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// theme is the colours of the stylesheet by role.
type theme map[string][3]float64

var tokenLine = regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`)

func themes(t *testing.T) (light, dark theme) {
	t.Helper()
	css, err := fs.ReadFile(assets, "assets/style/10-tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark = theme{}, theme{}
	for _, m := range tokenLine.FindAllStringSubmatch(string(css), -1) {
		light[m[1]], dark[m[1]] = linear(t, m[2]), linear(t, m[3])
	}
	if len(light) < 30 {
		t.Fatalf("only %d colours found: the sheet is written in another way now", len(light))
	}
	return light, dark
}

// linear reads #rrggbb as linear light (IEC 61966-2-1).
func linear(t *testing.T, hex string) (out [3]float64) {
	t.Helper()
	for i := range out {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(hex)
		}
		if c := float64(n) / 255; c <= .04045 {
			out[i] = c / 12.92
		} else {
			out[i] = math.Pow((c+.055)/1.055, 2.4)
		}
	}
	return out
}

// contrast is WCAG 2.2's ratio.
func contrast(a, b [3]float64) float64 {
	l := func(c [3]float64) float64 { return .2126*c[0] + .7152*c[1] + .0722*c[2] }
	hi, lo := max(l(a), l(b)), min(l(a), l(b))
	return (hi + .05) / (lo + .05)
}

// TestContrast: text reaches WCAG's 4.5 to 1 on every ground it stands on, what is drawn 3 to 1 (1.4.3, 1.4.11).
func TestContrast(t *testing.T) {
	light, dark := themes(t)
	type pair struct {
		ink, ground string
		least       float64
	}
	var pairs []pair
	for _, ink := range []string{"text", "muted", "accent", "critical", "high", "medium", "low", "good", "none"} {
		for _, ground := range []string{"bg", "panel", "raised", "hover", "sunken"} {
			pairs = append(pairs, pair{ink, ground, 4.5})
		}
	}
	for _, s := range []string{"critical", "high", "medium", "low", "good", "none", "accent"} {
		pairs = append(pairs, pair{s, s + "-soft", 4.5})
	}
	for _, s := range []string{"critical", "high", "medium", "low", "good", "none"} {
		pairs = append(pairs, pair{s + "-fill", "panel", 3})
	}
	for _, s := range []string{"chart", "chart-error", "chart-block", "chart-other", "control"} {
		pairs = append(pairs, pair{s, "panel", 3})
	}
	pairs = append(pairs, pair{"on-accent", "accent", 4.5}, pair{"chart", "chart-soft", 3})
	for name, th := range map[string]theme{"light": light, "dark": dark} {
		for _, p := range pairs {
			ink, ok1 := th[p.ink]
			ground, ok2 := th[p.ground]
			if got := contrast(ink, ground); !ok1 || !ok2 || got < p.least {
				t.Errorf("%s: %s on %s is %.2f to 1, wanted %.1f", name, p.ink, p.ground, got, p.least)
			}
		}
	}
}

// sights are what dichromats see, on linear light, at full severity (Machado, Oliveira and Fernandes, "A physiologically-based
// model for simulation of color vision deficiency", IEEE TVCG 15(6), 2009).
func sights() map[string][3][3]float64 {
	return map[string][3][3]float64{
		"normal":       {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
		"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
		"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
	}
}

// seen is a colour through such eyes, in Oklab (Ottosson 2020), where distances are what people see.
func seen(c [3]float64, by [3][3]float64) (out [3]float64) {
	var v [3]float64
	for i := range v {
		v[i] = min(1, max(0, by[i][0]*c[0]+by[i][1]*c[1]+by[i][2]*c[2]))
	}
	l := math.Cbrt(.4122214708*v[0] + .5363325363*v[1] + .0514459929*v[2])
	m := math.Cbrt(.2119034982*v[0] + .6806995451*v[1] + .1073969566*v[2])
	s := math.Cbrt(.0883024619*v[0] + .2817188376*v[1] + .6299787005*v[2])
	return [3]float64{
		.2104542553*l + .7936177850*m - .0040720468*s, 1.9779984951*l - 2.4285922050*m + .4505937099*s, .0259040371*l + .7827717662*m - .8086757660*s,
	}
}

// TestSeveritiesStayApart: no two severities, and no two series of a chart, look alike to anybody. 0.08 in Oklab is about
// four times what can just be told apart side by side.
func TestSeveritiesStayApart(t *testing.T) {
	const least = .08
	light, dark := themes(t)
	for name, th := range map[string]theme{"light": light, "dark": dark} {
		for _, set := range []string{"critical-fill high-fill medium-fill low-fill none-fill", "chart chart-error chart-block", "good-fill high-fill critical-fill"} {
			roles := strings.Fields(set)
			for sight, by := range sights() {
				for i, a := range roles {
					for _, b := range roles[i+1:] {
						x, y := seen(th[a], by), seen(th[b], by)
						if d := math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2])); d < least {
							t.Errorf("%s, %s: %s and %s are %.3f apart", name, sight, a, b, d)
						}
					}
				}
			}
		}
	}
}
