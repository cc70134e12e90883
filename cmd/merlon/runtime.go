package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"merlon/internal/config"
	"merlon/internal/telemetry"
)

// defaultCeiling bounds what is taken without being told: 20,000 connections with ordinary requests, a full queue and
// the learned state of ten thousand endpoints stay below half of it, so that on a large machine a flood or a leak is met
// by shedding and by the collector long before the machine's other programs feel it.
const defaultCeiling = 2 << 30

// ceiling is the memory that the process aims to stay below: what was configured, else 70 % of what the cgroup or the
// machine has, since the page cache of the journal and the database, and another Merlon during a hand-over, need the
// rest; 2 GiB at most.
func ceiling(cfg config.Limits) int64 {
	if cfg.MemoryBytes > 0 {
		return int64(cfg.MemoryBytes)
	}
	most := int64(defaultCeiling)
	if m := availableMemory(); m > 0 {
		most = min(most, m/10*7)
	}
	return most
}

// availableMemory is the smaller of the machine's memory and what the cgroups above this process allow; 0 when unknown.
func availableMemory() int64 {
	var best int64
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) == nil {
		best = int64(uint64(si.Totalram) * uint64(si.Unit)) //nolint:unconvert // its type differs by platform
	}
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return best
	}
	limits := []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes"} // version 1, as containers see it
	for line := range strings.Lines(string(b)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		for ok {
			limits = append(limits, filepath.Join("/sys/fs/cgroup", group, "memory.max"))
			if group == "/" || group == "." || group == "" {
				break
			}
			group = filepath.Dir(group)
		}
	}
	for _, name := range limits {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && (best == 0 || n < best) {
			best = n // "max" and version 1's huge number say nothing
		}
	}
	return best
}

// tuneRuntime trades memory for processor time (measured by make bench), unless the environment has its own mind, and
// returns the ceiling that holds.
func tuneRuntime(l config.Limits) int64 {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if os.Getenv("GOMEMLIMIT") != "" && l.MemoryBytes == 0 {
		return debug.SetMemoryLimit(-1)
	}
	most := ceiling(l)
	debug.SetMemoryLimit(most)
	return most
}

// logger writes for people on a terminal, for machines elsewhere.
func logger(c console) *slog.Logger { return loggerBy(c, config.Default().Logs, nil) }

// loggerBy writes as the configuration says; level, when given, follows it through reloads.
func loggerBy(c console, l config.Logs, level *slog.LevelVar) *slog.Logger {
	f, ok := c.err.(*os.File)
	o := telemetry.LogOptions{Text: l.Format == "text" || l.Format == "auto" && ok && term.IsTerminal(int(f.Fd())), Level: telemetry.Level(l.Level)}
	if level != nil {
		level.Set(telemetry.Level(l.Level))
		o.Level = level
	}
	return telemetry.NewLogger(c.err, o)
}
