package ports

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stateListen is LISTEN as /proc/net/tcp writes it.
const stateListen = "0A"

// holder names the process that listens on the port: "process 4711 (nginx -g daemon off;)". It is empty
// where the process belongs to another user, whose open files cannot be read.
func holder(port int) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		for _, inode := range listeners(table, port) {
			sockets["socket:["+inode+"]"] = true
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && sockets[target] {
			return describe(strings.Split(file, "/")[2])
		}
	}
	return ""
}

// listeners returns the inodes of the sockets that listen on the port, as one table of the kernel has them.
func listeners(table string, port int) []string {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	var inodes []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != stateListen {
			continue
		}
		_, local, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseInt(local, 16, 32); err == nil && int(n) == port {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}

func describe(pid string) string {
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	command := strings.TrimSpace(strings.ReplaceAll(string(raw), "\x00", " "))
	if err != nil || command == "" {
		return "process " + pid
	}
	const enough = 120
	if len(command) > enough {
		command = command[:enough] + "…"
	}
	return fmt.Sprintf("process %s (%s)", pid, command)
}
