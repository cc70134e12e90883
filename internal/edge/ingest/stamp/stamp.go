// Package stamp reads the times that logs and recordings are stamped with, faster than package time and without allocation.
package stamp

// LogBytes is the length of a time in an access log: 10/Oct/2000:13:55:36 -0700.
const LogBytes = 26

// Clock reads the times of access logs and remembers the last one, since most lines share theirs with the line before.
type Clock struct {
	text [LogBytes]byte
	at   int64
}

// Parse reads 10/Oct/2000:13:55:36 -0700 as Unix nanoseconds.
func (c *Clock) Parse(b []byte) (int64, bool) {
	if len(b) != LogBytes {
		return 0, false
	}
	if string(b) == string(c.text[:]) {
		return c.at, true
	}
	if b[2] != '/' || b[6] != '/' || b[11] != ':' || b[14] != ':' || b[17] != ':' || b[20] != ' ' {
		return 0, false
	}
	month := monthOf(b[3], b[4], b[5])
	date, ok := days(digits4(b[7:11]), month, digits2(b[0:2]))
	if !ok {
		return 0, false
	}
	at, ok := instant(date, digits2(b[12:14]), digits2(b[15:17]), digits2(b[18:20]), 0, b[21:])
	if !ok {
		return 0, false
	}
	copy(c.text[:], b)
	c.at = at
	return at, true
}

// RFC3339 reads 2026-01-02T15:04:05.999999999+01:00 as Unix nanoseconds. The zone may also be written +0100, as ISO
// 8601 allows and some tools do; there has to be one, because a time without zone is a different instant for each reader.
func RFC3339(b []byte) (int64, bool) {
	if len(b) < 20 || len(b) > 40 || b[4] != '-' || b[7] != '-' || b[10]|0x20 != 't' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	date, ok := days(digits4(b[0:4]), digits2(b[5:7]), digits2(b[8:10]))
	if !ok {
		return 0, false
	}
	i, fraction := 19, int64(0)
	if b[i] == '.' || b[i] == ',' {
		scale := int64(1e9)
		for i++; i < len(b) && b[i]-'0' <= 9; i++ {
			scale /= 10
			fraction += int64(b[i]-'0') * scale // digits beyond nanoseconds count nothing
		}
		if b[i-1]-'0' > 9 {
			return 0, false
		}
	}
	return instant(date, digits2(b[11:13]), digits2(b[14:16]), digits2(b[17:19]), fraction, b[i:])
}

// instant adds time of day and zone to a day. A leap second is the next minute's first.
func instant(date int64, hour, minute, second int, fraction int64, zone []byte) (int64, bool) {
	offset, ok := zoneOffset(zone)
	if !ok || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return 0, false
	}
	at := date*86400 + int64(hour*3600+minute*60+second-offset)
	if at <= 0 || at > 9e9 { // to the year 2255; beyond it nanoseconds do not fit
		return 0, false
	}
	return at*1e9 + fraction, true
}

// zoneOffset reads Z, +hhmm or +hh:mm as seconds east of UTC.
func zoneOffset(b []byte) (int, bool) {
	if len(b) == 1 && b[0]|0x20 == 'z' {
		return 0, true
	}
	if len(b) < 5 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, m := digits2(b[1:3]), -1
	switch {
	case len(b) == 5:
		m = digits2(b[3:5])
	case len(b) == 6 && b[3] == ':':
		m = digits2(b[4:6])
	}
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, false
	}
	if b[0] == '-' {
		return -(h*3600 + m*60), true
	}
	return h*3600 + m*60, true
}

// days counts the days from 1970-01-01 to a date of the proleptic Gregorian calendar.
func days(year, month, day int) (int64, bool) {
	if year < 1970 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	// Years begin in March, so that the leap day is the last of one: Euclidean affine functions of the month.
	if month <= 2 {
		year--
		month += 12
	}
	return int64(365*year+year/4-year/100+year/400+(153*(month-3)+2)/5+day-1) - 719468, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// monthOf numbers an English month name of three letters, in the casing that logs have; 0 for none.
func monthOf(a, b, c byte) int {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(names); i += 3 {
		if names[i] == a && names[i+1] == b && names[i+2] == c {
			return i/3 + 1
		}
	}
	return 0
}

// digits2 and digits4 read plain decimal digits, -1 for anything else.
func digits2(b []byte) int {
	if b[0]-'0' > 9 || b[1]-'0' > 9 {
		return -1
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}

func digits4(b []byte) int {
	h, l := digits2(b[:2]), digits2(b[2:4])
	if h < 0 || l < 0 {
		return -1
	}
	return h*100 + l
}
