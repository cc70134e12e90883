package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc: USER_HZ, which Linux fixes at 100 for user space on every platform Go runs on.
const tick = 10 * time.Millisecond

// processTimes is the part of /proc/PID/stat that is measured (proc_pid_stat(5)).
type processTimes struct {
	parent int
	own    time.Duration // utime + stime
	reaped time.Duration // cutime + cstime: children that ended and were waited for
}

// parseProcessStat reads one /proc/PID/stat. The command's name stands in parentheses and may itself hold spaces and
// parentheses, so the fields are counted from the last one.
func parseProcessStat(text string) (processTimes, error) {
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return processTimes{}, errors.New("no command name in process status")
	}
	f := strings.Fields(text[end+1:])
	const parent, utime = 1, 11 // state is field 3 of the manual and 0 here
	if len(f) < utime+4 {
		return processTimes{}, fmt.Errorf("process status has %d fields after the name, wanted %d", len(f), utime+4)
	}
	var n [4]int64
	for i := range n {
		v, err := strconv.ParseInt(f[utime+i], 10, 64)
		if err != nil || v < 0 {
			return processTimes{}, fmt.Errorf("process status: time %q is not a count", f[utime+i])
		}
		n[i] = v
	}
	p, err := strconv.Atoi(f[parent])
	if err != nil {
		return processTimes{}, fmt.Errorf("process status: parent %q is not a number", f[parent])
	}
	return processTimes{parent: p, own: time.Duration(n[0]+n[1]) * tick, reaped: time.Duration(n[2]+n[3]) * tick}, nil
}

// machineTimes is the first line of /proc/stat: the processor time of all cores since boot.
type machineTimes struct{ busy, total time.Duration }

// parseMachineStat reads /proc/stat. Time stolen by the hypervisor counts as busy: it is work of others.
// guest and guest_nice are left out, since the kernel counts them in user and nice already.
func parseMachineStat(text string) (machineTimes, error) {
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	const idle, iowait, last = 3, 4, 8 // user nice system idle iowait irq softirq steal
	if len(f) < last+1 || f[0] != "cpu" {
		return machineTimes{}, fmt.Errorf("machine status begins with %q, wanted cpu and %d times", line, last)
	}
	var m machineTimes
	for i, s := range f[1 : last+1] {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return machineTimes{}, fmt.Errorf("machine status: time %q is not a count", s)
		}
		m.total += time.Duration(v) * tick
		if i != idle && i != iowait {
			m.busy += time.Duration(v) * tick
		}
	}
	return m, nil
}

// tree reads the times of process root and of everything below it. A process that ends meanwhile is left out.
func tree(root int) (map[int]processTimes, error) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := make(map[int]processTimes, len(names))
	below := make(map[int][]int)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		t, err := parseProcessStat(string(text))
		if err != nil {
			return nil, err
		}
		all[pid] = t
		below[t.parent] = append(below[t.parent], pid)
	}
	out := make(map[int]processTimes)
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		if t, ok := all[queue[0]]; ok {
			out[queue[0]] = t
			queue = append(queue, below[queue[0]]...)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("process %d is gone", root)
	}
	return out, nil
}

// treeTime is user and system time of process root and of everything below it that still runs.
func treeTime(root int) (time.Duration, error) {
	t, err := tree(root)
	var sum time.Duration
	for _, p := range t {
		sum += p.own
	}
	return sum, err
}

// memory is what the processes of a tree hold, in bytes: resident, and proportional (pages shared by n processes count 1/n).
type memory struct{ RSS, PSS int64 }

// parseMemory reads /proc/PID/smaps_rollup.
func parseMemory(text string) (memory, error) {
	var m memory
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, ":")
		var to *int64
		switch name {
		case "Rss":
			to = &m.RSS
		case "Pss":
			to = &m.PSS
		default:
			continue
		}
		f := strings.Fields(rest)
		if len(f) != 2 || f[1] != "kB" {
			return m, fmt.Errorf("memory map: %q is not an amount in kB", strings.TrimSpace(line))
		}
		v, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			return m, fmt.Errorf("memory map: %q is not a number", f[0])
		}
		*to = v << 10
	}
	if m.RSS == 0 {
		return m, errors.New("memory map without Rss")
	}
	return m, nil
}

// treeMemory adds up the memory of process root and of everything below it.
func treeMemory(root int) (memory, error) {
	t, err := tree(root)
	if err != nil {
		return memory{}, err
	}
	var sum memory
	for pid := range t {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // ended
		}
		m, err := parseMemory(string(text))
		if err != nil {
			return sum, err
		}
		sum.RSS, sum.PSS = sum.RSS+m.RSS, sum.PSS+m.PSS
	}
	return sum, nil
}
