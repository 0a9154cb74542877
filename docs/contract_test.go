// Package docs_test holds the documents to the repository: their links lead somewhere, the operations
// and codes they name exist, and no code goes without mention.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = ".."

// documents lists the Markdown files of docs and of the repository's top.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "*/*.md", filepath.Join(root, "*.md")} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, paths...)
	}
	require.NotEmpty(t, found)
	return found
}

// text is a document without its code blocks, where nothing is a link.
func text(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(string(raw), "")
}

func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|(?:src|href)="([^"]+)"`)
	for _, document := range documents(t) {
		t.Run(filepath.Base(document)+" has no dead link", func(t *testing.T) {
			t.Parallel()
			var dead []string
			for _, match := range link.FindAllStringSubmatch(text(t, document), -1) {
				if target := match[1] + match[2]; !strings.Contains(target, ":") && !alive(t, document, target) {
					dead = append(dead, target)
				}
			}
			require.Empty(t, dead)
		})
	}
}

// alive tells whether a link within the repository leads to a file or folder, and to a heading if it names one.
func alive(t *testing.T, document, target string) bool {
	t.Helper()
	path, anchor, _ := strings.Cut(target, "#")
	file := document
	if path != "" {
		file = filepath.Join(filepath.Dir(document), path)
		if _, err := os.Stat(file); err != nil {
			return false
		}
	}
	return anchor == "" || !strings.HasSuffix(file, ".md") || slices.Contains(headings(t, file), anchor)
}

// headings are a document's headings as anchors, formed as forges form them.
func headings(t *testing.T, path string) []string {
	t.Helper()
	dropped := regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
	var anchors []string
	for _, match := range regexp.MustCompile(`(?m)^#+ +(.+)$`).FindAllStringSubmatch(text(t, path), -1) {
		heading := strings.ToLower(strings.TrimSpace(match[1]))
		anchors = append(anchors, strings.ReplaceAll(dropped.ReplaceAllString(heading, ""), " ", "-"))
	}
	return anchors
}

// TestOperations: `acme:listUsers` in a document is an operation of Acme's contract, and so on.
func TestOperations(t *testing.T) {
	t.Parallel()
	mention := regexp.MustCompile("`(acme|app|api):([^`]+)`")
	for _, document := range documents(t) {
		t.Run(filepath.Base(document)+" names operations that exist", func(t *testing.T) {
			t.Parallel()
			var unknown []string
			for _, match := range mention.FindAllStringSubmatch(text(t, document), -1) {
				if !slices.Contains(operations(t, match[1]), match[2]) {
					unknown = append(unknown, match[0])
				}
			}
			require.Empty(t, unknown)
		})
	}
}

func operations(t *testing.T, side string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, side, "openapi.yaml"))
	require.NoError(t, err)
	var ids []string
	for _, match := range regexp.MustCompile(`(?m)^\s*operationId:\s*(\w+)\s*$`).FindAllStringSubmatch(string(raw), -1) {
		ids = append(ids, match[1])
	}
	require.NotEmpty(t, ids)
	return ids
}

func TestCodes(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join(root, "code.go"))
	require.NoError(t, err)
	codes := regexp.MustCompile(`Code\s*=\s*"(\w+)"`).FindAllStringSubmatch(string(source), -1)
	require.NotEmpty(t, codes)
	contract := text(t, "contract.md")
	var unexplained []string
	for _, code := range codes {
		if !strings.Contains(contract, "`"+code[1]+"`") {
			unexplained = append(unexplained, code[1])
		}
	}
	require.Empty(t, unexplained)
}
