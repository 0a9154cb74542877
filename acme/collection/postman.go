package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// The parts of a Postman collection, form 2.1, that are written here.
type (
	collection struct {
		Info     info       `json:"info"`
		Auth     auth       `json:"auth"`
		Variable []variable `json:"variable"`
		Item     []item     `json:"item"`
	}
	info struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Schema      string `json:"schema"`
	}
	auth struct {
		Type   string     `json:"type"`
		Bearer []variable `json:"bearer"`
	}
	variable struct {
		Key         string `json:"key"`
		Value       string `json:"value"`
		Type        string `json:"type,omitempty"`
		Description string `json:"description,omitempty"`
		Disabled    bool   `json:"disabled,omitempty"`
	}
	item struct {
		Name    string  `json:"name"`
		Event   []event `json:"event"`
		Request sent    `json:"request"`
	}
	event struct {
		Listen string `json:"listen"`
		Script script `json:"script"`
	}
	script struct {
		Type string   `json:"type"`
		Exec []string `json:"exec"`
	}
	sent struct {
		Method      string     `json:"method"`
		Header      []variable `json:"header"`
		Body        *body      `json:"body,omitempty"`
		URL         address    `json:"url"`
		Description string     `json:"description,omitempty"`
	}
	body struct {
		Mode    string         `json:"mode"`
		Raw     string         `json:"raw"`
		Options map[string]any `json:"options"`
	}
	address struct {
		Raw   string     `json:"raw"`
		Host  []string   `json:"host"`
		Path  []string   `json:"path"`
		Query []variable `json:"query,omitempty"`
	}
)

const about = "Every operation of Acme's contract once, as a story that can be run again and again. Set baseUrl and apiKey. " +
	"It makes a contact, an appointment, a touch-point and a webhook subscription, and ends what it has made; two contacts of its own are merged. " +
	"Each answer is held against the contract. Made from acme/openapi.yaml by `make collection`: change that instead."

func postman(requests []request) ([]byte, error) {
	c := collection{
		Info: info{Name: "Acme CRM", Description: about, Schema: "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
		Auth: auth{Type: "bearer", Bearer: []variable{{Key: "token", Value: "{{apiKey}}", Type: "string"}}},
	}
	for _, v := range chosen {
		c.Variable = append(c.Variable, variable{Key: v.name, Value: v.value, Description: v.note})
	}
	for _, r := range requests {
		one, err := itemOf(r)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", r.operation, err)
		}
		c.Item = append(c.Item, one)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(c); err != nil {
		return nil, fmt.Errorf("write the collection: %w", err)
	}
	return out.Bytes(), nil
}

func itemOf(r request) (item, error) {
	i := item{Name: r.operation, Request: sent{
		Method: r.method, Header: []variable{{Key: "Accept", Value: "application/json"}}, URL: addressOf(r), Description: r.summary,
	}}
	for _, h := range r.headers {
		i.Request.Header = append(i.Request.Header, variable{Key: h.name, Value: h.value, Description: h.note, Disabled: h.off})
	}
	if r.body != "" {
		i.Request.Header = append(i.Request.Header, variable{Key: "Content-Type", Value: "application/json"})
		i.Request.Body = &body{Mode: "raw", Raw: r.body, Options: map[string]any{"raw": map[string]string{"language": "json"}}}
	}
	if r.survivor {
		i.Event = append(i.Event, event{Listen: "prerequest", Script: script{Type: "text/javascript", Exec: survivor}})
	}
	lines, err := tests(r)
	if err != nil {
		return i, err
	}
	i.Event = append(i.Event, event{Listen: "test", Script: script{Type: "text/javascript", Exec: lines}})
	return i, nil
}

func addressOf(r request) address {
	a := address{Host: []string{"{{baseUrl}}"}, Path: strings.Split(strings.TrimPrefix(r.path, "/"), "/")}
	var asked []string
	for _, q := range r.query {
		a.Query = append(a.Query, variable{Key: q.name, Value: q.value, Description: q.note, Disabled: q.off})
		if !q.off {
			asked = append(asked, q.name+"="+q.value)
		}
	}
	a.Raw = "{{baseUrl}}" + r.path
	if len(asked) > 0 {
		a.Raw += "?" + strings.Join(asked, "&")
	}
	return a
}

// survivor makes the contact that the merged one goes into, so that nobody's own contact is touched.
var survivor = []string{
	"pm.sendRequest({",
	"  url: pm.variables.replaceIn('{{baseUrl}}/v1/contacts'), method: 'POST',",
	"  header: { 'Authorization': 'Bearer ' + pm.variables.get('apiKey'), 'Content-Type': 'application/json' },",
	"  body: { mode: 'raw', raw: JSON.stringify({ name: 'Survivor Example' }) },",
	"}, (failed, answer) => { if (!failed) pm.collectionVariables.set('survivorId', answer.json().id); });",
}

// tests holds an answer against the contract, and keeps the id that later requests need.
func tests(r request) ([]string, error) {
	lines := []string{
		fmt.Sprintf("pm.test('%s answers %d', () => pm.response.to.have.status(%d));", r.operation, r.status, r.status),
		"pm.test('the answer tells Acme\\'s clock', () => pm.response.to.have.header('Date'));",
	}
	if r.schema != nil {
		schema, err := json.Marshal(r.schema)
		if err != nil {
			return nil, fmt.Errorf("write the schema: %w", err)
		}
		lines = append(lines, "pm.test('the answer is as the contract says', () => pm.response.to.have.jsonSchema("+string(schema)+"));")
	}
	if r.makes != "" {
		from := r.from
		if from == "" {
			from = "id"
		}
		lines = append(lines, fmt.Sprintf("pm.collectionVariables.set('%s', pm.response.json().%s);", r.makes, from))
	}
	return lines, nil
}
