package files

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"acmesync"
	"acmesync/acme"
)

// Bucket is a bucket that answers ListObjectsV2 and ranged reads, as S3 does.
type Bucket struct {
	URL    string
	Prefix string
	Key    Key
	HTTP   *http.Client
}

const maxListing = 8 << 20

// Kind is how an import names it.
func (b Bucket) Kind() acmesync.ImportSource { return acmesync.FromURL }

type listing struct {
	XMLName  xml.Name `xml:"ListBucketResult"`
	Contents []struct {
		Key          string `xml:"Key"`
		Size         int64  `xml:"Size"`
		ETag         string `xml:"ETag"`
		LastModified string `xml:"LastModified"`
	} `xml:"Contents"`
	Truncated bool   `xml:"IsTruncated"`
	Next      string `xml:"NextContinuationToken"`
}

// List names the objects right below the prefix.
func (b Bucket) List(ctx context.Context, p *acme.Profile, streams []acmesync.Stream) ([]acmesync.FoundFile, error) {
	var found []acmesync.FoundFile
	all := layoutsOf(p, streams)
	token := ""
	for pages := 0; len(found) < mostFiles; pages++ {
		if pages == mostPages {
			return nil, unusable(acme.CodePagingLoop, errors.New("a thousand pages and no end"))
		}
		page, err := b.page(ctx, token)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			name, below := strings.CutPrefix(o.Key, b.Prefix)
			if !below || name == "" || strings.Contains(name, "/") || o.Size == 0 {
				continue
			}
			if file, ok := all.found(name, o.Size, first(o.ETag, o.LastModified)); ok {
				found = append(found, file)
			}
		}
		if !page.Truncated || page.Next == "" || page.Next == token {
			break
		}
		token = page.Next
	}
	return found, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (b Bucket) page(ctx context.Context, token string) (listing, error) {
	parameters := map[string]string{"list-type": "2", "max-keys": "1000"}
	if b.Prefix != "" {
		parameters["prefix"] = b.Prefix
	}
	if token != "" {
		parameters["continuation-token"] = token
	}
	response, err := b.get(ctx, strings.TrimRight(b.URL, "/")+"/?"+query(parameters), nil)
	if err != nil {
		return listing{}, err
	}
	defer func() { _ = response.Body.Close() }()
	var page listing
	if response.StatusCode != http.StatusOK {
		return page, refusedBy(response)
	}
	if err := xml.NewDecoder(io.LimitReader(response.Body, maxListing)).Decode(&page); err != nil {
		return page, unusable(acme.CodeNoBucket, errors.New("its listing is not a bucket's"))
	}
	return page, nil
}

// Open reads an object that is still as it was listed. Whoever has read enough closes it.
func (b Bucket) Open(ctx context.Context, i acmesync.Import) (io.ReadCloser, error) {
	key := strings.Split(b.Prefix+i.Name, "/")
	for n, part := range key {
		key[n] = escaped(part)
	}
	header := http.Header{"Range": {fmt.Sprintf("bytes=%d-", i.Offset)}}
	if strings.HasPrefix(i.Mark, `"`) {
		header.Set("If-Match", i.Mark)
	}
	response, err := b.get(ctx, strings.TrimRight(b.URL, "/")+"/"+strings.Join(key, "/"), header)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusPartialContent:
		return response.Body, nil
	case http.StatusOK:
		if _, err := io.CopyN(io.Discard, response.Body, i.Offset); err != nil { // a server that knows no ranges
			_ = response.Body.Close()
			return nil, unavailable(err)
		}
		return response.Body, nil
	case http.StatusNotFound, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		_ = response.Body.Close()
		return nil, ErrChanged
	}
	defer func() { _ = response.Body.Close() }()
	return nil, refusedBy(response)
}

func (b Bucket) get(ctx context.Context, address string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, unusable(acme.CodeNoBucket, errors.New("its address cannot be read"))
	}
	for name, values := range header {
		request.Header[name] = values
	}
	b.Key.authorise(request, time.Now())
	response, err := b.HTTP.Do(request)
	if err != nil {
		return nil, unavailable(err)
	}
	return response, nil
}

// unavailable leaves out the address, which a transport's error quotes.
func unavailable(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return &acme.Error{Kind: acme.KindUnavailable, Op: "look for files", Code: acme.CodeUnreachable, Err: err}
}

func refusedBy(response *http.Response) error {
	if response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusTooManyRequests {
		return &acme.Error{Kind: acme.KindUnavailable, Op: "look for files", Status: response.StatusCode, Sick: true}
	}
	return unusable(acme.CodeNoBucket, fmt.Errorf("it answers %d", response.StatusCode))
}
