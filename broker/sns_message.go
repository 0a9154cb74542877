package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
	"unicode/utf8"
)

// The types of a notification.
const (
	SNSNotification = "Notification"
	SNSConfirm      = "SubscriptionConfirmation"
	SNSUnsubscribe  = "UnsubscribeConfirmation"
)

// SNSMessage is what SNS posts to an endpoint or puts into a queue, as it came.
type SNSMessage struct {
	Type, MessageID, TopicARN, Message, Timestamp string
	Subject                                       *string // nil: the message has none
	Token, SubscribeURL                           string
	Signature, SignatureVersion, SigningCertURL   string
	Attributes                                    map[string]SNSAttribute
	at                                            time.Time
}

// SNSAttribute is one of the attributes a publisher may set. They are not signed.
type SNSAttribute struct {
	Type  string
	Value string
}

// ParseSNS reads a message strictly: one JSON object, no name twice, text where text belongs. What SNS does not sign is read
// where we need it and ignored where we do not.
func ParseSNS(body []byte) (SNSMessage, error) {
	var m SNSMessage
	if !utf8.Valid(body) {
		return m, errors.New("the body is no UTF-8")
	}
	texts := map[string]*string{
		"Type": &m.Type, "MessageId": &m.MessageID, "TopicArn": &m.TopicARN, "Message": &m.Message, "Timestamp": &m.Timestamp,
		"Token": &m.Token, "SubscribeURL": &m.SubscribeURL,
		"Signature": &m.Signature, "SignatureVersion": &m.SignatureVersion, "SigningCertURL": &m.SigningCertURL,
	}
	seen := map[string]bool{}
	err := eachField(body, func(name string, value json.RawMessage) error {
		if seen[name] {
			return fmt.Errorf("%.40q stands there twice", name)
		}
		seen[name] = true
		switch target := texts[name]; {
		case target != nil:
			return text(name, value, target)
		case name == "Subject" && !bytes.Equal(value, []byte("null")):
			m.Subject = new(string)
			return text(name, value, m.Subject)
		case name == "MessageAttributes" && json.Unmarshal(value, &m.Attributes) != nil:
			return errors.New("MessageAttributes is no object of attributes")
		}
		return nil
	})
	if err != nil {
		return m, err
	}
	return m, m.check(seen)
}

// text wants a string. What Go's decoder replaces, SNS has not signed.
func text(name string, value json.RawMessage, into *string) error {
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, into) != nil {
		return fmt.Errorf("%s is no text", name)
	}
	return nil
}

func eachField(body []byte, do func(name string, value json.RawMessage) error) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return errors.New("the body is no JSON object")
	}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil {
			return errors.New("the body is no JSON object")
		}
		if err := do(name, value); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return errors.New("the body is no JSON object")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

var (
	messageID = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)
	topicARN  = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$`)
)

func (m *SNSMessage) check(seen map[string]bool) error {
	needed := []string{"Type", "MessageId", "TopicArn", "Message", "Timestamp"}
	switch m.Type {
	case SNSNotification:
	case SNSConfirm, SNSUnsubscribe:
		needed = append(needed, "Token", "SubscribeURL")
	default:
		return errors.New("Type is none that SNS sends")
	}
	for _, name := range needed {
		if !seen[name] {
			return fmt.Errorf("%s is missing", name)
		}
	}
	if !messageID.MatchString(m.MessageID) {
		return errors.New("MessageId is no id of SNS")
	}
	if !topicARN.MatchString(m.TopicARN) {
		return errors.New("TopicArn is no topic's name")
	}
	var err error
	if m.at, err = time.Parse(time.RFC3339, m.Timestamp); err != nil {
		return errors.New("Timestamp is no time")
	}
	return nil
}

// signed is what the signature is over: names and values of some fields, in the order of their names.
func (m *SNSMessage) signed() []byte {
	var b bytes.Buffer
	line := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	line("Message", m.Message)
	line("MessageId", m.MessageID)
	if m.Type == SNSNotification {
		if m.Subject != nil {
			line("Subject", *m.Subject)
		}
	} else {
		line("SubscribeURL", m.SubscribeURL)
	}
	line("Timestamp", m.Timestamp)
	if m.Type != SNSNotification {
		line("Token", m.Token)
	}
	line("TopicArn", m.TopicARN)
	line("Type", m.Type)
	return b.Bytes()
}
