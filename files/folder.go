package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"acmesync"
	"acmesync/acme"
)

// ErrChanged means that a file is not the one any more that was found: it is to be looked for again.
var ErrChanged = errors.New("the file has changed since it was found")

// Folder is a folder below the one that is set aside for a tenant. Nothing leads out of it: neither .. nor a symbolic link.
type Folder struct {
	Root   string // of all tenants; empty: folders are not allowed here
	Tenant acmesync.TenantID
	Path   string // below Root/Tenant
}

// Kind is how an import names it.
func (f Folder) Kind() acmesync.ImportSource { return acmesync.FromFolder }

func (f Folder) open() (*os.Root, error) {
	if f.Root == "" {
		return nil, unusable(acme.CodeNoImportRoot, nil)
	}
	all, err := os.OpenRoot(f.Root)
	if err != nil {
		return nil, unusable(acme.CodeNoImportRoot, err)
	}
	defer func() { _ = all.Close() }()
	own, err := all.OpenRoot(string(f.Tenant))
	if err != nil {
		return nil, unusable(acme.CodeNoFolder, err)
	}
	if filepath.Clean(f.Path) == "." {
		return own, nil
	}
	defer func() { _ = own.Close() }()
	below, err := own.OpenRoot(f.Path)
	if err != nil {
		return nil, unusable(acme.CodeNoFolder, err)
	}
	return below, nil
}

// List names the regular files in the folder itself.
func (f Folder) List(_ context.Context, p *acme.Profile, streams []acmesync.Stream) ([]acmesync.FoundFile, error) {
	root, err := f.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, unusable(acme.CodeNoFolder, err)
	}
	var found []acmesync.FoundFile
	all := layoutsOf(p, streams)
	for _, e := range entries {
		if !e.Type().IsRegular() || len(found) == mostFiles {
			continue
		}
		info, err := e.Info()
		if err != nil || info.Size() == 0 {
			continue // gone again, or not begun
		}
		if file, ok := all.found(e.Name(), info.Size(), markOf(info)); ok {
			found = append(found, file)
		}
	}
	return found, nil
}

func markOf(info fs.FileInfo) string { return strconv.FormatInt(info.ModTime().UnixNano(), 10) }

// Open reads a file that is still as it was found.
func (f Folder) Open(_ context.Context, i acmesync.Import) (io.ReadCloser, error) {
	root, err := f.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	file, err := root.Open(i.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrChanged
	}
	if err != nil {
		return nil, unusable(acme.CodeNoFolder, err)
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != i.Size || markOf(info) != i.Mark) {
		err = ErrChanged
	}
	if err == nil {
		_, err = file.Seek(i.Offset, io.SeekStart)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("open a file: %w", err)
	}
	return file, nil
}
