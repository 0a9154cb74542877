package files_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/files"

	"github.com/stretchr/testify/require"
)

var streams = []acmesync.Stream{acmesync.Contacts, acmesync.Appointments}

// reason is the sentence that a source's failure comes to.
func reason(t *testing.T, err error) string {
	t.Helper()
	var failed *acme.Error
	require.ErrorAs(t, err, &failed)
	return failed.Advice()
}

func write(t *testing.T, text string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestFolder(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	write(t, "0123456789", root, "harbor", "in", "contacts-1.csv")
	write(t, "x", root, "harbor", "in", "notes.txt")
	write(t, "", root, "harbor", "in", "contacts-empty.csv")
	write(t, "x", root, "harbor", "in", "below", "contacts-2.csv")
	write(t, "x", root, "stranger", "contacts-theirs.csv")
	secret := write(t, "secret", outside, "contacts-secret.csv")
	require.NoError(t, os.Symlink(secret, filepath.Join(root, "harbor", "in", "contacts-link.csv")))
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "harbor", "out")))
	require.NoError(t, os.Symlink(filepath.Join(root, "stranger"), filepath.Join(root, "harbor", "theirs")))
	folder := files.Folder{Root: root, Tenant: "harbor", Path: "in"}

	t.Run("regular files in it that are some stream's are found", func(t *testing.T) {
		found, err := folder.List(t.Context(), nil, streams)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, "contacts-1.csv", found[0].Name)
		require.Equal(t, acmesync.Contacts, found[0].Stream)
		require.EqualValues(t, 10, found[0].Size)
	})
	t.Run("nothing leads out of the tenant's folder", func(t *testing.T) {
		for _, path := range []string{"out", "theirs", "../stranger", "in/../../stranger", "/etc", "../../../etc"} {
			_, err := files.Folder{Root: root, Tenant: "harbor", Path: path}.List(t.Context(), nil, streams)
			require.Contains(t, reason(t, err), "IMPORT_ROOT", path)
			require.NotContains(t, reason(t, err), root)
		}
		for _, name := range []string{"contacts-link.csv", "../../stranger/contacts-theirs.csv", "../out/contacts-secret.csv"} {
			_, err := folder.Open(t.Context(), acmesync.Import{Name: name, Size: 6})
			require.Error(t, err, name)
		}
	})
	t.Run("a folder that is not there, and folders that are not allowed at all, say what to do", func(t *testing.T) {
		_, err := files.Folder{Root: root, Tenant: "harbor", Path: "none"}.List(t.Context(), nil, streams)
		require.Contains(t, reason(t, err), "not there")
		_, err = files.Folder{Tenant: "harbor", Path: "."}.List(t.Context(), nil, streams)
		require.Contains(t, reason(t, err), "set IMPORT_ROOT")
	})
	t.Run("a file is read from an offset on, for as long as it is the one that was found", func(t *testing.T) {
		found, err := folder.List(t.Context(), nil, streams)
		require.NoError(t, err)
		i := acmesync.Import{Name: found[0].Name, Size: found[0].Size, Mark: found[0].Mark, Offset: 4}
		body, err := folder.Open(t.Context(), i)
		require.NoError(t, err)
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
		require.Equal(t, "456789", string(text))

		name := write(t, "0123456780", root, "harbor", "in", "contacts-1.csv")
		require.NoError(t, os.Chtimes(name, time.Now(), time.Now().Add(time.Minute)))
		_, err = folder.Open(t.Context(), i)
		require.ErrorIs(t, err, files.ErrChanged)
		require.NoError(t, os.Remove(name))
		_, err = folder.Open(t.Context(), i)
		require.ErrorIs(t, err, files.ErrChanged)
	})
}

func TestBucket(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case status != http.StatusOK:
			w.WriteHeader(status)
		case r.URL.Path == "/page/":
			fmt.Fprint(w, "<html>hello</html>")
		case r.URL.Path == "/bucket/" && q.Get("continuation-token") == "":
			if q.Get("list-type") != "2" || q.Get("prefix") != "acme/" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated><NextContinuationToken>t/1</NextContinuationToken>
				<Contents><Key>acme/contacts 1.csv</Key><Size>10</Size><ETag>"one"</ETag></Contents>
				<Contents><Key>acme/below/contacts-2.csv</Key><Size>10</Size></Contents><Contents><Key>other/contacts-3.csv</Key><Size>10</Size></Contents></ListBucketResult>`)
		case r.URL.Path == "/bucket/" && q.Get("continuation-token") == "t/1":
			fmt.Fprint(w, `<ListBucketResult><Contents><Key>acme/appointments.csv</Key><Size>7</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>`)
		case r.URL.Path == "/bucket/acme/contacts 1.csv":
			w.Header().Set("ETag", `"one"`)
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("0123456789"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	bucket := files.Bucket{URL: server.URL + "/bucket", Prefix: "acme/", HTTP: server.Client()}
	read := func(ctx context.Context, i acmesync.Import) (string, error) {
		body, err := bucket.Open(ctx, i)
		if err != nil {
			return "", err
		}
		defer func() { _ = body.Close() }()
		text, err := io.ReadAll(body)
		return string(text), err
	}
	t.Run("objects right below the prefix are found, page by page", func(t *testing.T) {
		found, err := bucket.List(t.Context(), nil, streams)
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, []acmesync.FoundFile{
			{Stream: acmesync.Contacts, Name: "contacts 1.csv", Size: 10, Mark: `"one"`, Layout: found[0].Layout},
			{Stream: acmesync.Appointments, Name: "appointments.csv", Size: 7, Mark: "2026-01-01T00:00:00Z", Layout: found[1].Layout},
		}, found)
	})
	t.Run("an object is read from an offset on, for as long as it is the one that was listed", func(t *testing.T) {
		text, err := read(t.Context(), acmesync.Import{Name: "contacts 1.csv", Size: 10, Mark: `"one"`, Offset: 4})
		require.NoError(t, err)
		require.Equal(t, "456789", text)
		_, err = read(t.Context(), acmesync.Import{Name: "contacts 1.csv", Size: 10, Mark: `"two"`})
		require.ErrorIs(t, err, files.ErrChanged)
		_, err = read(t.Context(), acmesync.Import{Name: "gone.csv", Size: 10})
		require.ErrorIs(t, err, files.ErrChanged)
	})
	t.Run("requests are signed where there is a key", func(t *testing.T) {
		var proof string
		signed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			proof = r.Header.Get("Authorization")
			fmt.Fprint(w, `<ListBucketResult></ListBucketResult>`)
		}))
		defer signed.Close()
		own := files.Bucket{URL: signed.URL, Key: files.Key{ID: "AKIA", Secret: "secret", Region: "eu-central-1"}, HTTP: signed.Client()}
		_, err := own.List(t.Context(), nil, streams)
		require.NoError(t, err)
		require.Regexp(t, `^AWS4-HMAC-SHA256 Credential=AKIA/\d{8}/eu-central-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$`, proof)
		require.NotContains(t, proof, "secret")
	})
	t.Run("what is no bucket, and one that refuses, say what to do", func(t *testing.T) {
		_, err := files.Bucket{URL: server.URL + "/page", HTTP: server.Client()}.List(t.Context(), nil, streams)
		require.Contains(t, reason(t, err), "not listed where the profile says")
		status = http.StatusForbidden
		_, err = bucket.List(t.Context(), nil, streams)
		require.Contains(t, reason(t, err), "may not be read")
	})
	t.Run("one that is down or cannot be reached is unavailable, and nothing of its address is told", func(t *testing.T) {
		status = http.StatusServiceUnavailable
		_, err := bucket.List(t.Context(), nil, streams)
		require.Equal(t, acme.KindUnavailable, acme.KindOf(err))
		server.Close()
		_, err = bucket.List(t.Context(), nil, streams)
		require.Equal(t, acme.KindUnavailable, acme.KindOf(err))
		var failed *acme.Error
		require.ErrorAs(t, err, &failed)
		require.NotContains(t, err.Error(), "/bucket")
	})
}
