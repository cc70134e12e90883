package dataclass

import "merlon/internal/model/dataclass/form"

// digits judges a value of digits alone.
func digits(v []byte) Set {
	set := Int.Set() | Number.Set()
	switch len(v) {
	case 10:
		if form.IsUnixTime(v) {
			set |= 1 << UnixTime
		}
		if form.IsNHS(v) {
			set |= 1 << NHSNumber
		}
		if form.IsNPI(v) {
			set |= 1 << NPI
		}
	case 13:
		if form.IsUnixTime(v) {
			set |= 1 << UnixTime
		}
	case 15:
		if form.IsIMEI(v) {
			set |= 1 << IMEI
		}
	}
	if n := len(v); n >= 12 && n <= 19 && form.IsPAN(v) {
		set |= 1 << PAN
	}
	if v[0] == '0' && len(v) > 1 {
		set &^= 1 << Number // JSON has no leading zeros, and such a value is a code rather than a quantity
	}
	return set
}

// figures judges digits with separators: numbers, dates, telephone, card, social security numbers, addresses.
func figures(v []byte, s *shape) Set {
	dg := s.count(laneDigit)
	if dg == 0 {
		return 0
	}
	if v[0] == '+' && dg >= 8 && form.IsPhone(v) {
		return Phone.Set()
	}
	if v[0] == '-' || v[0] == '+' || s.count(laneDot) == 1 {
		if form.IsNumber(v) {
			if s.count(laneDot) == 0 {
				return Int.Set() | Number.Set()
			}
			return Number.Set()
		}
	}
	switch {
	case s.count(laneDot) == 3 && form.IsIPv4(v):
		return IPv4.Set()
	case s.count(laneDot) == 2 && s.n <= 20 && s.n != 12 && (s.n != 10 || dg != 8) && form.IsVersion(v):
		return Version.Set()
	case s.bits&markComma != 0:
		if form.IsGeoPoint(v) {
			return GeoPoint.Set()
		}
		return 0
	case s.n == 10 && dg == 8:
		if form.IsDate(v) {
			return Date.Set()
		}
		if form.IsDateLoose(v) {
			return DateLoose.Set()
		}
	case s.n == 11 && dg == 9 && form.IsSSN(v):
		return SSN.Set()
	case s.n == 12 && dg == 10 && v[3] == v[7] && (v[3] == ' ' || v[3] == '-') && v[4] != v[3] && form.IsNHSSpaced(v):
		return NHSNumber.Set() | phoneSet(v, dg)
	case dg >= 13 && dg <= 19 && form.IsPANSpaced(v):
		return PAN.Set()
	case s.n >= 6 && s.n < 10 && dg >= 4 && form.IsDateLoose(v):
		return DateLoose.Set()
	}
	if set := phoneSet(v, dg); set != 0 || s.count(laneDot) != 2 || !form.IsVersion(v) {
		return set
	}
	return Version.Set()
}

func phoneSet(v []byte, dg int) Set {
	if dg >= 7 && dg <= 15 && form.IsPhone(v) {
		return Phone.Set()
	}
	return 0
}
