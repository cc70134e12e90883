package api

import (
	"errors"
	"net/http"
	"runtime/pprof"
	"time"

	"merlon/internal/control/admin"
)

// maxProfile is how long one profile of the processor may take, in seconds: less than the surface gives a request.
const maxProfile = 25

// profile writes a profile in pprof's form, for `go tool pprof`. net/http/pprof is not used: it registers itself with a
// server of its own, for everybody. Profiles hold names of functions and, for goroutines, no values.
func (s *server) profile(w http.ResponseWriter, r *ask) error {
	name := r.PathValue("name")
	switch name {
	case "heap", "allocs", "goroutine", "threadcreate", "block", "mutex":
	default:
		return admin.ErrNotFound
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.pprof"`)
	return pprof.Lookup(name).WriteTo(w, 0)
}

func (s *server) cpuProfile(w http.ResponseWriter, r *ask) error {
	q := r.query
	seconds := q.Number("seconds", 1, maxProfile, 1)
	if q.Err != nil {
		return q.Err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="cpu.pprof"`)
	if err := pprof.StartCPUProfile(w); err != nil {
		w.Header().Del("Content-Disposition")
		return &admin.InputError{Field: "name", Err: errors.New("another profile of the processor is being taken: try again when it is done")}
	}
	defer pprof.StopCPUProfile()
	t := time.NewTimer(time.Duration(seconds) * time.Second)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
	return nil
}
