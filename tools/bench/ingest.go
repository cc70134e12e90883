package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	ingestBytes = 1 << 30
	ingestRate  = 150_000   // lines a second, at least
	ingestRSS   = 400 << 20 // bytes of resident memory, at most
)

// ingested is a log that was read.
type ingested struct {
	Lines int           `json:"lines"`
	Bytes int64         `json:"bytes"`
	Took  time.Duration `json:"took_ns"`
	CPU   time.Duration `json:"cpu_ns"`
	RSS   int64         `json:"peak_rss"`
}

func (i ingested) perSecond() float64 { return float64(i.Lines) / i.Took.Seconds() }

// ingest has Merlon read a generated log of a gigabyte.
func (f *field) ingest(ctx context.Context, progress io.Writer) (i ingested, err error) {
	name := filepath.Join(f.dir, "access.log")
	fmt.Fprintf(progress, "ingest: writing a log of %d MB\n", ingestBytes>>20)
	if i.Lines, i.Bytes, err = writeLog(ctx, name, ingestBytes, f.work); err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, os.Remove(name)) }()
	if err := f.forget(); err != nil {
		return i, err
	}
	cmd := exec.CommandContext(ctx, f.program, "ingest", name, "--format", "combined", "--data", filepath.Join(f.dir, "data")) //nolint:gosec // ours
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	began := time.Now()
	out, err := cmd.CombinedOutput()
	i.Took = time.Since(began)
	if err != nil {
		return i, fmt.Errorf("merlon ingest: %w\n%s", err, out[max(0, len(out)-2000):])
	}
	i.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		i.RSS = u.Maxrss << 10
	}
	return i, nil
}

// agents are the User-Agents of the log.
var agents = [...]string{
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
	"okhttp/4.12.0", "curl/8.11.0", "python-requests/2.32.3", "Dart/3.5 (dart:io)",
}

// writeLog writes lines in the combined format until there are size bytes: the workload's requests by 20,000 clients, in
// order of time, one in fifty not found.
func writeLog(ctx context.Context, name string, size int64, w *workload) (lines int, written int64, err error) {
	file, err := os.Create(name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	r := rand.New(rand.NewPCG(seed, 3))
	began := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	var line []byte
	for ; written < size; lines++ {
		if lines%100_000 == 0 && ctx.Err() != nil {
			return lines, written, ctx.Err()
		}
		p := w.pieces[r.IntN(len(w.pieces))]
		target, status := p.route, 200
		if p.numberFirst {
			target = fmt.Sprintf("%s%0*d", p.a[len("GET "):], numberBytes, lines)
		} else if p.method == "POST" {
			status = 201
		}
		if r.IntN(50) == 0 {
			target, status = fmt.Sprintf("/v1/nowhere/%d", r.IntN(1000)), 404
		}
		client := r.IntN(20_000)
		line = fmt.Appendf(line[:0], "10.%d.%d.%d - - [%s] \"%s %s HTTP/1.1\" %d %d \"https://shop.bench.example/overview\" \"%s\"\n",
			client>>16, client>>8&255, client&255, began.Add(time.Duration(lines)*10*time.Millisecond).Format("02/Jan/2006:15:04:05 -0700"),
			p.method, target, status, 200+r.IntN(3000), agents[client%len(agents)])
		if _, err := out.Write(line); err != nil {
			return lines, written, err
		}
		written += int64(len(line))
	}
	return lines, written, out.Flush()
}

func (i ingested) print(w io.Writer) {
	fmt.Fprintf(w, "\ningest: %d lines in the combined format, %.0f MB, in %.1f s: %.0f lines/s, %.2f us CPU a line, peak RSS %.0f MB\n",
		i.Lines, float64(i.Bytes)/mega, i.Took.Seconds(), i.perSecond(), i.CPU.Seconds()*1e6/float64(max(1, i.Lines)), float64(i.RSS)/mega)
}

func (i ingested) verdicts() []verdict {
	return []verdict{
		{Bar: "ingest: speed", Met: i.perSecond() >= ingestRate, Says: fmt.Sprintf("%.0f lines a second (bar: at least %d)", i.perSecond(), ingestRate)},
		{Bar: "ingest: memory", Met: i.RSS > 0 && i.RSS < ingestRSS, Says: fmt.Sprintf("peak RSS %.0f MB (bar: below %d)", float64(i.RSS)/mega, ingestRSS>>20)},
	}
}
