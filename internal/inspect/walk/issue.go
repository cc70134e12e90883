package walk

import (
	"iter"
	"math/bits"
)

// Issue is a way in which a message's content departs from its format. Unlike the wire's anomalies it leaves the
// framing alone: the message can be forwarded, but two parsers may read it differently.
type Issue uint8

const (
	// IssueMalformed: the body is not valid for its declared type; Report.At says where.
	IssueMalformed Issue = iota
	// IssueDuplicateName: an object has two members of one name (RFC 8259 section 4); servers take either. (A name given
	// several times in a query or form is how lists are sent: LeafDuplicate alone says so.)
	IssueDuplicateName
	// IssueEncoding: the text is not UTF-8, or escapes half of a surrogate pair.
	IssueEncoding
	// IssueByteOrderMark: a JSON text begins with U+FEFF, which RFC 8259 section 8.1 forbids and many parsers skip.
	IssueByteOrderMark
	// IssueNumber: a number outside the range of a double (RFC 8259 section 6); parsers clamp, refuse or keep it.
	IssueNumber
	// IssueDepth: containers nested deeper than the limit; the walk ended there.
	IssueDepth
	// IssuePercent: a '%' in query or form that is not followed by two hexadecimal digits.
	IssuePercent
	// IssueCoding: a content coding that the walk does not undo, or several at once.
	IssueCoding
	// IssueCorrupt: the content coding is known and its data is broken.
	IssueCorrupt
	// IssueBomb: the body grows out of proportion when its content coding is undone; the walk ended there.
	IssueBomb
	// IssueTypeDiffers: the body is JSON and its declared type says otherwise, which sniffing servers read all the same.
	IssueTypeDiffers
	// IssueTooMany: values beyond the limits were counted and not looked at.
	IssueTooMany

	NumIssues
)

// Issues is a set of Issue.
type Issues uint16

// Has tells whether i is in the set.
func (s Issues) Has(i Issue) bool { return s&(1<<i) != 0 }

func (s *Issues) add(i Issue) { *s |= 1 << i }

// All yields the issues in the order of their declaration.
func (s Issues) All() iter.Seq[Issue] {
	return func(yield func(Issue) bool) {
		for rest := uint(s); rest != 0; rest &= rest - 1 {
			if !yield(Issue(bits.TrailingZeros(rest))) {
				return
			}
		}
	}
}
