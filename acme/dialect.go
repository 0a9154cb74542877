package acme

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// dialect is one resource of a tenant's Acme that is not as the contract says, compiled.
type dialect struct {
	Shape
	resource Resource
	record   record
	foreign  bool // answers are not in the contract's form; else its own reader takes them
	xml      bool // answers are XML
	latin1   bool // … and may be in Latin-1
	whole    bool // XML of the contract's own: an answer that names no next page, not even none, is not whole

	list, at, next, more, batchList, missing path
}

// MaxLimit is the most records one page may bring.
func (d *dialect) maxLimit() int {
	if d.Limit == nil || d.Limit.Max == 0 {
		return MaxBatch
	}
	return d.Limit.Max
}

// listDialect reads one page of a list that is not as the contract says. Its cursor is ours: it holds the place in their
// list and everything else the next request needs, so that a profile's list can be walked like Acme's own.
func (c *Client) listDialect(ctx context.Context, d *dialect, q ListQuery) (Page, error) {
	op := "list " + string(d.resource)
	at, ok := d.place(q)
	if !ok {
		return Page{}, &Error{Kind: KindCursorLost, Op: op, Code: CodeForeignCursor}
	}
	request := call{op: op, method: http.MethodGet, path: d.Path + d.query(at), collection: true, paged: q.Cursor != "", foreign: true, xml: d.xml}
	if at.Link != "" {
		request.link = at.Link
	}
	got, err := c.send(ctx, request)
	if err != nil {
		return Page{}, err
	}
	items, rest, err := d.read(op, got, d.list)
	if err != nil {
		return Page{}, err
	}
	if d.whole && !rest.names(d.next) {
		return Page{}, half(op, got.status)
	}
	page := Page{Items: items, Date: date(got.header), Bytes: len(got.body), Unordered: d.Unordered}
	next, more, code := d.after(c, at, rest, got.header, page)
	if code != "" {
		return Page{}, misspoken(op, got.status, code)
	}
	if page.Unordered {
		page.Latest = next.Latest
	}
	if more {
		page.NextCursor = next.encode()
	}
	return page, nil
}

// batchDialect reads records by id, by as many requests as it takes.
func (c *Client) batchDialect(ctx context.Context, d *dialect, ids []string) (Batch, error) {
	if d.Batch == nil {
		return c.singleGets(ctx, d, ids)
	}
	var all Batch
	for chunk := range slices.Chunk(ids, d.batchMax()) {
		one, err := c.batchChunk(ctx, d, chunk)
		if err != nil {
			return Batch{}, err
		}
		all.Items, all.Missing = append(all.Items, one.Items...), append(all.Missing, one.Missing...)
		all.Date, all.Bytes = one.Date, all.Bytes+one.Bytes
	}
	return all, nil
}

func (d *dialect) batchMax() int {
	if d.Batch.Max == 0 {
		return MaxBatch
	}
	return d.Batch.Max
}

func (c *Client) batchChunk(ctx context.Context, d *dialect, ids []string) (Batch, error) {
	op := "batch get " + string(d.resource)
	request := call{op: op, method: http.MethodPost, path: d.Batch.Path, collection: true, xml: d.xml}
	if d.Batch.Param != "" {
		request.method, request.path = http.MethodGet, d.Batch.Path+"?"+url.Values{d.Batch.Param: {strings.Join(ids, ",")}}.Encode()
	} else {
		request.body = batchBody(d.Batch.IDs, ids)
	}
	got, err := c.send(ctx, request)
	if err != nil {
		return Batch{}, err
	}
	items, rest, err := d.read(op, got, d.batchList)
	if err != nil {
		return Batch{}, err
	}
	batch := Batch{Items: items, Date: date(got.header), Bytes: len(got.body)}
	missing, ok := d.notThere(rest, ids, items)
	if !ok {
		return Batch{}, half(op, got.status)
	}
	batch.Missing = missing
	return batch, nil
}

// batchBody puts the ids where "inputs[].id" or "ids[]" says.
func batchBody(where string, ids []string) any {
	before, after, _ := strings.Cut(where, "[]")
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = id
		keys := strings.Split(strings.TrimPrefix(after, "."), ".")
		for _, key := range slices.Backward(keys) {
			if key != "" {
				list[i] = map[string]any{key: list[i]}
			}
		}
	}
	var body any = list
	for _, key := range slices.Backward(strings.Split(before, ".")) {
		body = map[string]any{key: body}
	}
	return body
}

// notThere says which ids are missing: those the answer names, or those it does not bring. A record without a usable id may
// be any of them, so then none is taken for missing.
func (d *dialect) notThere(rest document, ids []string, items []Item) (missing []string, ok bool) {
	if d.Batch.Missing != "" {
		missing, ok = rest.ids(d.missing)
		return missing, ok && accounted(ids, items, missing)
	}
	found := make(map[string]bool, len(items))
	for _, item := range items {
		if item.ID == "" {
			return nil, true
		}
		found[item.ID] = true
	}
	for _, id := range ids {
		if !found[id] {
			missing = append(missing, id)
		}
	}
	return missing, true
}

// getsAtOnce bounds the single gets that stand for one batch.
const getsAtOnce = 4

// singleGets reads records one by one, a few at a time. The first failure ends it.
func (c *Client) singleGets(ctx context.Context, d *dialect, ids []string) (Batch, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type found struct {
		item Item
		gone bool
		date time.Time
		size int
	}
	results := make([]found, len(ids))
	work := make(chan int)
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	for range min(getsAtOnce, len(ids)) {
		all.Go(func() {
			for i := range work {
				item, date, size, err := c.get(ctx, d, ids[i])
				results[i] = found{item: item, gone: KindOf(err) == KindGone, date: date, size: size}
				if err != nil && !results[i].gone {
					once.Do(func() { failed = err; cancel() })
				}
			}
		})
	}
	for i := range ids {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	all.Wait()
	if failed == nil && ctx.Err() != nil {
		failed = brokenOff(ctx, "batch get "+string(d.resource), ctx.Err(), false, false)
	}
	if failed != nil {
		return Batch{}, failed
	}
	var b Batch
	for i, one := range results {
		if one.gone {
			b.Missing = append(b.Missing, ids[i])
			continue
		}
		b.Items = append(b.Items, one.item)
		b.Date, b.Bytes = one.date, b.Bytes+one.size
	}
	return b, nil
}

func (c *Client) get(ctx context.Context, d *dialect, id string) (Item, time.Time, int, error) {
	op := "get from " + string(d.resource)
	got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: strings.ReplaceAll(d.Get, "{id}", url.PathEscape(id)), xml: d.xml})
	if err != nil {
		return Item{}, time.Time{}, 0, err
	}
	item, err := d.single(op, got)
	if err != nil {
		return Item{}, time.Time{}, 0, err
	}
	if item.ID != "" && item.ID != id {
		return Item{}, time.Time{}, 0, half(op, got.status) // another record than the one asked for
	}
	return item, date(got.header), len(got.body), nil
}

// Requests is how many requests a batch get of n records takes.
func (c *Client) Requests(r Resource, n int) int {
	switch d := c.Profile.dialect(r); {
	case n == 0:
		return 0
	case d == nil:
		return 1
	case d.Batch == nil:
		return n
	default:
		return (n + d.batchMax() - 1) / d.batchMax()
	}
}

// query is what a request of the walk asks for.
func (d *dialect) query(at place) string {
	v := url.Values{}
	for name, value := range d.Query {
		v.Set(name, value)
	}
	if d.Limit != nil && at.Limit > 0 {
		v.Set(d.Limit.Param, strconv.Itoa(at.Limit))
	}
	if d.Since != nil && at.Since != nil {
		v.Set(d.Since.Param, formatSince(*at.Since, d.Since.Time))
	}
	if d.Deleted != nil && at.Deleted {
		v.Set(d.Deleted.Param, d.Deleted.Value)
	}
	d.turn(v, at)
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// formatSince rounds down: what is asked for twice costs little, what is left out is lost.
func formatSince(t time.Time, format string) string {
	switch format {
	case "unix_s":
		return strconv.FormatInt(t.Unix(), 10)
	case "unix_ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	case "unix_us":
		return strconv.FormatInt(t.UnixMicro(), 10)
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// encodeJSON is for documents of our own making, which can always be written.
func encodeJSON(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}
