// Package broker takes what brokers push: Kafka by a consumer group, SNS over HTTP, SNS or plain messages from an SQS queue.
//
// Every message is a hint, stored in the inbox like a webhook's and acknowledged after that commit: an offset, a deleted
// message, an HTTP answer. A process that is killed in between is sent the message again, and the id it is stored under
// says that it is there already.
//
// A Kafka message says by its key whose it is, "account:object", one in a queue by its attribute "key" or by the account in
// its events. An account leads to every tenant that has connected it. What cannot be read is kept raw for these tenants;
// what names no account is logged by its place, counted, and left where it is.
package broker
