package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

// column is a column of an export and where its cells come from in a record.
type column struct {
	name string
	from string // a field; of a moment its time or date
	zone bool   // of a moment: its zone instead
}

// columnsOf are the columns of Acme's exports, as its contract lists them.
func columnsOf(resource acme.Resource) []column {
	plain := func(names ...string) []column {
		all := make([]column, len(names))
		for i, name := range names {
			all[i] = column{name: name, from: name}
		}
		return all
	}
	zone := func(of string) column { return column{name: of + "_time_zone", from: of, zone: true} }
	switch resource {
	case acme.Appointments:
		all := plain("id", "version", "status", "subject", "notes_html", "start", "end", "original_start", "is_private", "owner_id", "contact_ids",
			"location", "conference_url", "series_id", "external_ref", "origin", "created_at", "updated_at", "deleted_at")
		return append(all, zone("start"), zone("end"), zone("original_start"),
			column{name: "rrule", from: "recurrence.rrule"}, column{name: "exdates", from: "recurrence.exdates"})
	case acme.Touchpoints:
		return plain("id", "version", "channel", "direction", "user_id", "contact_id", "occurred_at", "logged_at", "duration_ms",
			"outcome_id", "email_status", "updated_at", "deleted_at")
	case acme.Contacts:
		return plain("id", "version", "name", "emails", "phones", "merged_into", "privacy_deleted_at", "deleted_at", "created_at", "updated_at")
	default:
		return plain("id", "version", "name", "email", "active", "time_zone", "updated_at")
	}
}

// style is how an export is written: as the contract says, or as a spreadsheet saves it.
type style struct {
	delimiter, lineEnd, mark string
	local                    string // how a wall-clock time is written; empty: as it is kept
}

func styleOf(name string) (style, bool) {
	switch name {
	case "":
		return style{delimiter: ",", lineEnd: "\n"}, true
	case "spreadsheet":
		return style{delimiter: ";", lineEnd: "\r\n", mark: "\ufeff", local: "2006-01-02 15:04:05"}, true
	}
	return style{}, false
}

const exportPage = 500

// export writes all records of a resource, deleted ones included, and a last row that counts them.
func export(account *accounts.Account, resource acme.Resource, as style) []byte {
	var b bytes.Buffer
	b.WriteString(as.mark)
	columns := columnsOf(resource)
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.name
	}
	b.WriteString(strings.Join(cells, as.delimiter) + as.lineEnd)
	rows := 0
	q := accounts.ListQuery{Limit: exportPage, IncludeDeleted: true}
	for {
		page := account.List(resource, q)
		for _, raw := range page.Raws {
			var record map[string]any
			d := json.NewDecoder(bytes.NewReader(raw))
			d.UseNumber()
			if d.Decode(&record) != nil {
				continue
			}
			rows++
			for i, c := range columns {
				cells[i] = as.quote(as.cell(record, c))
			}
			b.WriteString(strings.Join(cells, as.delimiter) + as.lineEnd)
		}
		if q.After = page.Next; q.After == nil {
			break
		}
	}
	b.WriteString("#end" + as.delimiter + strconv.Itoa(rows) + as.lineEnd)
	return b.Bytes()
}

func (as style) cell(record map[string]any, c column) string {
	var value any = record
	for key := range strings.SplitSeq(c.from, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	if moment, ok := value.(map[string]any); ok {
		key := "date_time"
		if c.zone {
			key = "time_zone"
		} else if moment["date"] != nil {
			key = "date"
		}
		text, _ := moment[key].(string)
		if wall, err := time.Parse("2006-01-02T15:04:05", text); err == nil && as.local != "" {
			text = wall.Format(as.local)
		}
		return text
	}
	if c.zone {
		return ""
	}
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		return strconv.FormatBool(value)
	case []any:
		all := make([]string, len(value))
		for i, one := range value {
			all[i], _ = one.(string)
		}
		return strings.Join(all, "|")
	}
	return ""
}

func (as style) quote(cell string) string {
	if !strings.ContainsAny(cell, as.delimiter+"\"\r\n") && !strings.HasPrefix(cell, "#") {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}

// exported answers a resource as a CSV file.
func (s *Server) exported(c *call) error {
	as, known := styleOf(c.r.URL.Query().Get("style"))
	if !known {
		return badRequest("invalid_parameter", "style is spreadsheet, or left out.")
	}
	file := export(c.account, c.resource, as)
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	if c.faults.TruncatedPage && c.faults.Touches(c.resource) {
		_, _ = c.w.Write(file[:len(file)/2])
		_ = http.NewResponseController(c.w).Flush()
		panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
	}
	_, _ = c.w.Write(file)
	return nil
}

// adminExport writes an account's files into its folder of exports, as a nightly job does: whole, or cut in half where the switch
// says that pages are truncated.
func (s *Server) adminExport(c *call) error {
	var in struct {
		Style string `json:"style"`
		Name  string `json:"name"` // behind the resource's; left out: today
	}
	if _, err := decode(c, &in); err != nil {
		return err
	}
	as, known := styleOf(in.Style)
	if !known || strings.ContainsAny(in.Name, `/\`) {
		return badRequest("invalid_parameter", "style is spreadsheet, or left out; name is part of a file's name.")
	}
	if s.Exports == "" {
		return badRequest("no_folder", "The sandbox was started without a folder for exports.")
	}
	if in.Name == "" {
		in.Name = s.Now().UTC().Format(time.DateOnly)
	}
	folder := filepath.Join(s.Exports, c.account.Info().ID)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	written := []string{}
	for _, resource := range []acme.Resource{acme.Users, acme.Contacts, acme.Appointments, acme.Touchpoints} {
		file := export(c.account, resource, as)
		if faults := c.account.Faults(); faults.TruncatedPage && faults.Touches(resource) {
			file = file[:len(file)/2]
		}
		name := string(resource) + "-" + in.Name + ".csv"
		partial := filepath.Join(folder, "."+name+".part")
		if err := os.WriteFile(partial, file, 0o600); err != nil {
			return err
		}
		if err := os.Rename(partial, filepath.Join(folder, name)); err != nil {
			return err
		}
		written = append(written, name)
	}
	s.answer(c.w, http.StatusCreated, map[string]any{"files": written})
	return nil
}
