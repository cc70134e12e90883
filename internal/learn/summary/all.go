package summary

// learner is one thing that is accumulated about a leaf. Its merge is commutative and associative, its encoding canonical.
type learner interface {
	fold(f *fold)
	merge(o learner)
	append(b []byte) []byte
	read(r *reader)
}

// learners lists what every leaf accumulates, in the order of its encoding.
func learners(l *Leaf) [4]learner {
	return [...]learner{&l.Traffic, &l.Support, &l.Credentials, &l.Answer}
}

// detailLearners lists what a detailed leaf accumulates besides.
func detailLearners(d *Detail) [5]learner {
	return [...]learner{&d.Speed, &d.Callers, &d.Schemas, &d.Sensitive, &d.Writers}
}
