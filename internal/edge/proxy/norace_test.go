//go:build !race

package proxy

// raceDetector tells that the race detector is on.
const raceDetector = false
