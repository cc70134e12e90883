package paths

import "merlon/internal/learn/summary"

// Derive derives the templates of one host's paths. settled has, for leaves that a published template covers, one bit for
// each position at which it has a parameter: what was published stays one.
func Derive(leaves []*summary.Leaf, settled map[*summary.Leaf]uint64) []Ending {
	root := newNode("")
	named := map[uint64]int{}
	for _, l := range leaves {
		root.insert(l)
		for _, s := range l.Segments {
			if s.Token != 0 && s.Echo > 0 && float64(s.Echo) >= namedShare*float64(l.Traffic.Successes) {
				named[s.Token]++
			}
		}
	}
	d := &deriver{named: map[uint64]bool{}, settled: settled}
	for w, n := range named {
		if n >= namedLeast {
			d.named[w] = true
		}
	}
	return d.templates(root, nil, 0)
}

// A word that answers to different paths call by name nearly always is a value wherever it stands below the root.
const (
	namedShare = 0.5
	namedLeast = 2
)
