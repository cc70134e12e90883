//go:build race

package proxy

// raceDetector tells that the race detector is on, whose shadow memory is no figure of ours.
const raceDetector = true
