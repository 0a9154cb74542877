// Command collection writes what people try Acme by, made from its contract: a Postman collection, with a check of every
// answer, and an .http file for editors. A test proves that what is committed is what it writes; `make collection` writes it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"acmesync/acme"
)

func main() {
	if err := write("docs"); err != nil {
		fmt.Fprintln(os.Stderr, "collection:", err)
		os.Exit(1)
	}
}

// files are what is written, by name.
func files() (map[string][]byte, error) {
	requests, err := read(acme.Spec)
	if err != nil {
		return nil, err
	}
	collection, err := postman(requests)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"acme.postman_collection.json": collection, "acme.http": httpFile(requests)}, nil
}

func write(folder string) error {
	all, err := files()
	if err != nil {
		return err
	}
	for name, content := range all {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil { //nolint:gosec // documents, for everybody
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
