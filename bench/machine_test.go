package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// cpu is how much processor time each part has taken.
type cpu struct{ programs, self, postgres, sandboxes, temporal time.Duration }

// cpuNow reads the processor time of everybody who takes part. Resolution: 10 ms.
func (s *stack) cpuNow() cpu {
	var own syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &own)
	t := readProcesses()
	return cpu{
		programs: t.below(s.api.pid()) + t.below(s.worker.pid()), self: time.Duration(own.Utime.Nano() + own.Stime.Nano()),
		postgres: t.below(database.process.Process.Pid), sandboxes: t.below(s.acme.pid()) + t.below(s.app.pid()),
		temporal: t.below(temporalPID()),
	}
}

func (c cpu) since(before cpu) cpu {
	return cpu{c.programs - before.programs, c.self - before.self, c.postgres - before.postgres, c.sandboxes - before.sandboxes, c.temporal - before.temporal}
}

// processes are all of the machine's: who started whom, and the time each and its ended children took.
type processes struct {
	children map[int][]int
	took     map[int]time.Duration
}

func readProcesses() processes {
	t := processes{map[int][]int{}, map[int]time.Duration{}}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		_, after, _ := bytes.Cut(raw, []byte(") ")) // the name before it may hold anything
		f := strings.Fields(string(after))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(f[1])
		ticks := 0
		for _, field := range f[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.Atoi(field)
			ticks += n
		}
		t.children[parent] = append(t.children[parent], pid)
		t.took[pid] = time.Duration(ticks) * 10 * time.Millisecond
	}
	return t
}

func (p processes) below(pid int) time.Duration {
	sum := p.took[pid]
	for _, child := range p.children[pid] {
		sum += p.below(child)
	}
	return sum
}

// temporalPID finds the server by its command line: it is not ours. 0 where it cannot be found.
func temporalPID() int {
	_, port, _ := strings.Cut(os.Getenv("TEST_TEMPORAL_ADDRESS"), ":")
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		raw, _ := os.ReadFile(path)
		if args := strings.Split(string(raw), "\x00"); len(args) > 2 && args[1] == "temporal" && slices.Contains(args, port) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

// memory is a process's resident memory over time, in MB.
type memory struct {
	samples []float64
	stop    chan struct{}
	done    sync.WaitGroup
}

func watchMemory(pid int) *memory {
	m := &memory{stop: make(chan struct{})}
	m.done.Go(func() {
		ticker := time.NewTicker(sampleEvery)
		defer ticker.Stop()
		for {
			m.samples = append(m.samples, statusMB(pid, "VmRSS:"))
			select {
			case <-ticker.C:
			case <-m.stop:
				return
			}
		}
	})
	return m
}

func (m *memory) end() []float64 {
	close(m.stop)
	m.done.Wait()
	return m.samples
}

// statusMB reads one of a process's figures, such as VmRSS: or VmHWM:.
func statusMB(pid int, name string) float64 {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(raw), name)
	f := strings.Fields(after)
	if len(f) == 0 {
		return 0
	}
	kb, _ := strconv.ParseFloat(f[0], 64)
	return kb / 1024
}

// load is the machine's load average: what else ran says how much a figure is worth.
func load() string {
	raw, _ := os.ReadFile("/proc/loadavg")
	f := strings.Fields(string(raw))
	return strings.Join(f[:min(3, len(f))], " ")
}
