// Package hooks takes what Acme delivers. A delivery passes these gates in this order: the endpoint is known, the body is
// not too large, its type is right, its signature is proven over the raw bytes; then it is stored together with whatever
// else has arrived meanwhile, in one commit, and only then answered. What follows, flipping the lanes' marks and ringing,
// happens off this path and may fail: the sweep rings later.
//
// An outbound message of SOAP passes the same gates but for the signature: its address, which nobody but Acme was told, is its
// proof, and each of its notifications is stored as a delivery of its own.
//
// Who cannot prove a signature learns nothing and leaves nothing but a count. What is proven is never refused for what
// it says: what cannot be read is parked as it came, so that no sender repeats it for days and nothing is lost.
package hooks
