package main

import (
	"bytes"
	"fmt"
	"strings"
)

// httpFile writes requests as editors send them: VS Code's REST Client and those that read the same form. An id that a
// request has made is read from its answer.
func httpFile(requests []request) []byte {
	var b bytes.Buffer
	b.WriteString("# Acme CRM: every operation of its contract once, from top to bottom. Set baseUrl and apiKey first.\n")
	b.WriteString("# Made from acme/openapi.yaml by `make collection`: change that instead.\n\n")
	for _, v := range chosen {
		fmt.Fprintf(&b, "# %s\n@%s =%s\n", v.note, v.name, strings.TrimRight(" "+v.value, " "))
	}
	b.WriteString("# a contact that another one may be merged into: its e-mail addresses and phone numbers move there\n@survivorId =\n")
	for _, r := range requests {
		writeRequest(&b, r)
	}
	return b.Bytes()
}

func writeRequest(b *bytes.Buffer, r request) {
	fmt.Fprintf(b, "\n### %s\n", r.summary)
	fmt.Fprintf(b, "# @name %s\n", r.operation)
	var asked []string
	for _, q := range r.query {
		if q.off {
			fmt.Fprintf(b, "# also: %s%s\n", q.name, aside(q.note))
			continue
		}
		asked = append(asked, q.name+"="+q.value)
	}
	url := "{{baseUrl}}" + r.path
	if len(asked) > 0 {
		url += "?" + strings.Join(asked, "&")
	}
	fmt.Fprintf(b, "%s %s\nAuthorization: Bearer {{apiKey}}\nAccept: application/json\n", r.method, url)
	for _, h := range r.headers {
		if !h.off {
			fmt.Fprintf(b, "%s: %s\n", h.name, h.value)
		}
	}
	if r.body != "" {
		fmt.Fprintf(b, "Content-Type: application/json\n\n%s\n", r.body)
	}
	if r.makes != "" {
		from := r.from
		if from == "" {
			from = "id"
		}
		fmt.Fprintf(b, "\n###\n@%s = {{%s.response.body.$.%s}}\n", r.makes, r.operation, from)
	}
}

func aside(note string) string {
	if note == "" {
		return ""
	}
	return " (" + strings.ToLower(note[:1]) + note[1:] + ")"
}
