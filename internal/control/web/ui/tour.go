package ui

// Tour is a step of the guided tour, shown above a page.
type Tour struct {
	// Step counts from 1; 0 offers the tour. Of is how many there are.
	Step, Of    int
	Title, Text string
	// Next is the step that follows, 0 after the last; Label is what its button says.
	Next  int
	Label string
	// Away leads back to the step's own page when somebody has wandered off.
	Away string
}
