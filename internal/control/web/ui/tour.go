package ui

// Tour is a stop of the guided tour, shown above a page.
type Tour struct {
	// Stop counts from 1; 0 offers the tour. Of is how many there are.
	Stop, Of    int
	Title, Text string
	// Next is the stop that follows, 0 after the last; Label is what its button says.
	Next  int
	Label string
	// Away leads back to the stop's own page when somebody has wandered off.
	Away string
}
