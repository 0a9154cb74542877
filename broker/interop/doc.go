// Package interop holds the brokers' side to programs that are not ours: Debian's kcat, AWS's validator of SNS messages, an
// emulator of SQS. `make interop` runs it; its test is skipped otherwise.
package interop
