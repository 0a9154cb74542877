package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"acmesync"
)

// bar shows how far a file has come: on a terminal one line that changes, elsewhere a line now and then.
type bar struct {
	out      io.Writer
	terminal bool
	size     int64
	began    time.Time
	from     int64 // where this call began
	shown    time.Time
	any      bool
}

const (
	barWidth   = 30
	barEvery   = 100 * time.Millisecond
	linesEvery = 5 * time.Second
)

func newBar(out io.Writer, size int64) *bar {
	b := &bar{out: out, size: size, began: time.Now(), from: -1}
	if file, ok := out.(*os.File); ok {
		info, err := file.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

func (b *bar) show(i acmesync.Import) {
	if b.from < 0 {
		b.from = i.Offset
	}
	every := linesEvery
	if b.terminal {
		every = barEvery
	}
	if now := time.Now(); now.Sub(b.shown) < every && i.State == acmesync.ImportReceiving {
		return
	}
	b.shown = time.Now()
	share := float64(i.Offset) / float64(b.size)
	rate := float64(i.Offset-b.from) / max(time.Since(b.began).Seconds(), 0.001) / 1e6
	text := fmt.Sprintf("%3.0f %%  %d rows, %d parked  %.1f MB/s", share*100, i.Rows, i.BadRows, rate)
	if !b.terminal {
		fmt.Fprintln(b.out, text)
		return
	}
	full := int(share * barWidth)
	b.any = true
	fmt.Fprintf(b.out, "\r[%s%s] %s\x1b[K", strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), text)
}

// wait says why nothing moves.
func (b *bar) wait(why string) {
	if b.terminal {
		b.any = true
		fmt.Fprintf(b.out, "\r%s\x1b[K", why)
	}
}

func (b *bar) end() {
	if b.any {
		fmt.Fprintln(b.out)
	}
}
