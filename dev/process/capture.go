package process

import (
	"bytes"
	"fmt"
	"strings"
)

// Capture runs a short program to its end and returns all it wrote; an error carries that text too.
func Capture(p Program) (string, error) {
	var out bytes.Buffer
	if err := p.command(&out).Run(); err != nil {
		if said := strings.TrimSpace(out.String()); said != "" {
			return "", fmt.Errorf("%s: %w", said, err)
		}
		return "", err
	}
	return out.String(), nil
}
