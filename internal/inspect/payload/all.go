package payload

// All lists the detectors in the order in which they run: cheap and certain ones first. Every constructor in this folder
// is here; a test fails on one that is not.
func All() Detectors {
	return Detectors{
		NewWire(),
		NewFormat(),
	}
}
