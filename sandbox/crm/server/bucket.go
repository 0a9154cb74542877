package server

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// bucketPage is how many objects a listing shows at once: few, so that whoever reads it has to go on.
const bucketPage = 2

type bucketObject struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
}

type bucketListing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Name                  string
	Prefix                string
	IsTruncated           bool
	NextContinuationToken string         `xml:",omitempty"`
	Contents              []bucketObject `xml:"Contents"`
}

// listBucket answers an account's exports as a bucket lists its objects (ListObjectsV2).
func (s *Server) listBucket(w http.ResponseWriter, r *http.Request) {
	name, q := r.PathValue("account"), r.URL.Query()
	entries, err := os.ReadDir(filepath.Join(s.Exports, filepath.Base(name)))
	if s.Exports == "" || err != nil || q.Get("list-type") != "2" {
		http.Error(w, "NoSuchBucket", http.StatusNotFound)
		return
	}
	list := bucketListing{Name: name, Prefix: q.Get("prefix")}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || strings.HasPrefix(e.Name(), ".") || !strings.HasPrefix(e.Name(), list.Prefix) || e.Name() <= q.Get("continuation-token") {
			continue
		}
		if len(list.Contents) == bucketPage {
			list.IsTruncated, list.NextContinuationToken = true, list.Contents[bucketPage-1].Key
			break
		}
		list.Contents = append(list.Contents, bucketObject{
			Key: e.Name(), LastModified: info.ModTime().UTC().Format(time.RFC3339), ETag: etagOf(info), Size: info.Size(),
		})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(list)
}

func etagOf(info os.FileInfo) string {
	return fmt.Sprintf(`"%x-%x"`, info.Size(), info.ModTime().UnixNano())
}

// getObject answers one of an account's exports, or a range of it.
func (s *Server) getObject(w http.ResponseWriter, r *http.Request) {
	path := filepath.Join(s.Exports, filepath.Base(r.PathValue("account")), filepath.Base(r.PathValue("file")))
	file, err := os.Open(path)
	if s.Exports == "" || err != nil {
		http.Error(w, "NoSuchKey", http.StatusNotFound)
		return
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		http.Error(w, "NoSuchKey", http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", etagOf(info))
	http.ServeContent(w, r, info.Name(), info.ModTime(), file)
}
