package listen

// TLS ends TLS connections.
type TLS struct{}
