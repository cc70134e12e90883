package listen

// Admission says who may connect.
type Admission struct{}
