// Package files brings CSV files on their way to the inbox: what a chunk of rows becomes, and where files lie that are picked up.
// Whoever reads a file, the api for an upload or the fetch lane for a folder or a bucket, commits the same chunks, and goes on from
// the last of them after anything.
package files
