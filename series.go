package acmesync

// Instance is one appointment of a series as the app knows it: an event under the external id of its original start. A
// series has one row in the ledger; what it has written stands here.
type Instance struct {
	Series   string // Acme's id of the master
	Original string // where the series' rule puts its start: "20260601T140000Z", or "20260601" where it lasts whole days
	Holder   string // Acme's id of the record that says what it is: the master's, or that of an exception
	Mapped   string // of the event the app has taken, without its revision; empty: nobody is sure what it holds
	Revision int64  // of our last write the app took
	AppID    string // empty: the app holds no event
}

// InstanceID is how an instance is written behind the connection in an external id: "<master's id>/<original start>". An
// exception has it too, so that it changes the instance's event and never makes a second one.
func InstanceID(series, original string) string { return series + "/" + original }
