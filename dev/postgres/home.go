package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"acmesync/dev/process"
)

// rootBase holds the clusters of a developer who works as root. PostgreSQL refuses to run as root, and the
// user it runs as instead can often not enter root's checkout or temporary folder.
const rootBase = "/var/lib/acmesync-dev"

// home is where a cluster really lives.
type home struct {
	// dir holds the cluster and its password. For root it is a folder outside the checkout.
	dir string
	// user is who runs PostgreSQL; nil means whoever we are.
	user *process.User
}

// homeOf finds the home that belongs to a data folder. The same folder always has the same home.
func homeOf(data string) (home, error) {
	data, err := filepath.Abs(data)
	if err != nil {
		return home{}, fmt.Errorf("resolve the data folder: %w", err)
	}
	if os.Geteuid() != 0 {
		return home{dir: data}, nil
	}
	runAs, err := unprivileged()
	if err != nil {
		return home{}, err
	}
	sum := sha256.Sum256([]byte(data))
	dir := filepath.Join(rootBase, hex.EncodeToString(sum[:8]))
	runAs.Home = dir
	return home{dir: dir, user: runAs}, nil
}

// downloads is the folder that downloaded installations are unpacked in, one folder per version.
func downloads() (string, error) {
	if os.Geteuid() == 0 {
		return filepath.Join(rootBase, "binaries"), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	return filepath.Join(cache, "acmesync-dev", "binaries"), nil
}

// unprivileged is the user that runs PostgreSQL for root.
func unprivileged() (*process.User, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &process.User{UID: uint32(uid), GID: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")
}

// make creates the folder if need be, closed to everyone but the user who runs PostgreSQL.
func (h home) make() error {
	// The parents must let that user pass; the folder itself lets nobody else in.
	if err := os.MkdirAll(filepath.Dir(h.dir), 0o755); err != nil {
		return fmt.Errorf("create the folder of the clusters: %w", err)
	}
	if err := os.Mkdir(h.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create the cluster's folder: %w", err)
	}
	return h.own(h.dir)
}

// own hands a file or folder to the user who runs PostgreSQL.
func (h home) own(path string) error {
	if h.user == nil {
		return nil
	}
	if err := os.Chown(path, int(h.user.UID), int(h.user.GID)); err != nil {
		return fmt.Errorf("hand %s to the user of PostgreSQL: %w", path, err)
	}
	return nil
}
