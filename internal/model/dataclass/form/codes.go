package form

import "strings"

// pairs is a set of two-letter codes, one bit each; constant once built.
type pairs [11]uint64

func makePairs(list string) (p pairs) {
	for _, c := range strings.Fields(list) {
		i := uint(c[0]-'a')*26 + uint(c[1]-'a')
		p[i>>6] |= 1 << (i & 63)
	}
	return p
}

// has takes two letters of any case.
func (p *pairs) has(a, b byte) bool {
	i := uint((a|0x20)-'a')*26 + uint((b|0x20)-'a')
	return i < 676 && IsAlpha(a) && IsAlpha(b) && p[i>>6]>>(i&63)&1 != 0
}

// triples is a set of three-letter codes.
type triples [275]uint64

func makeTriples(list string) (t triples) {
	for _, c := range strings.Fields(list) {
		i := (uint(c[0]-'A')*26+uint(c[1]-'A'))*26 + uint(c[2]-'A')
		t[i>>6] |= 1 << (i & 63)
	}
	return t
}

// countries is ISO 3166-1 alpha-2, with the user-assigned XK and the reserved EU and UK.
var countries = makePairs(`ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs
bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu fi fj fk
fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo
jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu
mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc
sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk um us uy uz
va vc ve vg vi vn vu wf ws xk ye yt za zm zw`)

// languages is ISO 639-1.
var languages = makePairs(`aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da
de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it
iu iw ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd
ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv
sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu`)

// lowerLocales are the languages whose tags are taken in small letters (en-gb) too.
var lowerLocales = makePairs(`ar bg cs da de el en es et fa fi fr he hr hu id it ja ko lt lv nb nl pl pt ro ru sk sl sr sv th tr uk
vi zh`)

// currencies is the part of ISO 4217 in use.
var currencies = makeTriples(`AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
BZD CAD CDF CHF CLF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD
HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES
VND VUV WST XAF XAG XAU XCD XDR XOF XPF YER ZAR ZMW ZWL`)

// IsCountry holds for an ISO 3166-1 alpha-2 code of any case.
func IsCountry(v []byte) bool { return len(v) == 2 && countries.has(v[0], v[1]) }

// IsCurrency holds for an ISO 4217 code in capitals.
func IsCurrency(v []byte) bool {
	if len(v) != 3 || !IsUpper(v[0]) || !IsUpper(v[1]) || !IsUpper(v[2]) {
		return false
	}
	i := (uint(v[0]-'A')*26+uint(v[1]-'A'))*26 + uint(v[2]-'A')
	return currencies[i>>6]>>(i&63)&1 != 0
}

// IsBoolWord holds for true, false, yes, no, on and off in any case.
func IsBoolWord(v []byte) bool {
	if len(v) > 5 {
		return false
	}
	var low [5]byte
	for i, b := range v {
		low[i] = b | 0x20
	}
	switch string(low[:len(v)]) {
	case "true", "false", "yes", "no", "on", "off":
		return true
	}
	return false
}

// IsLocale takes BCP 47 language-REGION, language-Script and language-Script-REGION. A bare language ("en") is a word: so
// are "is", "no", "to". Words joined by a dash stay silent unless both parts are codes.
func IsLocale(v []byte) bool {
	if len(v) < 5 || !IsLower(v[0]) || !IsLower(v[1]) || v[2] != '-' && v[2] != '_' || !languages.has(v[0], v[1]) {
		return false
	}
	sep, rest := v[2], v[3:]
	if len(rest) == 4 || len(rest) >= 7 && rest[4] == sep {
		switch string(rest[:4]) {
		case "Arab", "Beng", "Cyrl", "Deva", "Grek", "Guru", "Hans", "Hant", "Hebr", "Jpan", "Kore", "Latn", "Mong", "Tfng", "Thai":
		default:
			return false
		}
		if len(rest) == 4 {
			return true
		}
		rest = rest[5:]
	}
	switch len(rest) {
	case 2:
		if IsLower(rest[0]) && !lowerLocales.has(v[0], v[1]) {
			return false // as-is, to-do, my-id
		}
		return IsAlpha(rest[0]) && IsAlpha(rest[1]) && IsUpper(rest[0]) == IsUpper(rest[1]) && IsCountry(rest)
	case 3:
		return string(rest) == "419" || string(rest) == "001" || string(rest) == "150" // UN M.49 as CLDR uses it
	}
	return false
}

// IsVersion takes v1, v1.2, v2beta1, v1alpha, 1.2.3, 1.2.3-rc.1+build. Without the v it needs three numbers.
func IsVersion(v []byte) bool {
	i, n := 0, len(v)
	letter := v[0]|0x20 == 'v'
	if letter {
		i = 1
	}
	numbers := 0
	for {
		start := i
		for i < n && IsDigit(v[i]) {
			i++
		}
		if i == start || i-start > 9 {
			return false
		}
		numbers++
		if i == n || v[i] != '.' || numbers == 4 {
			break
		}
		i++
	}
	if numbers < 3 && !letter || numbers == 4 {
		return false
	}
	if i == n {
		return true
	}
	switch {
	case v[i] == '-' || v[i] == '+':
		i++
		if i == n || numbers < 3 && !IsAlpha(v[i]) {
			return false
		}
		for ; i < n; i++ {
			if !IsAlnum(v[i]) && v[i] != '-' && v[i] != '.' && v[i] != '+' {
				return false
			}
		}
		return true
	case numbers > 1:
		return false
	}
	for _, stage := range [...]string{"alpha", "beta", "rc", "preview", "p"} {
		if len(v)-i >= len(stage) && string(v[i:i+len(stage)]) == stage {
			for _, b := range v[i+len(stage):] {
				if !IsDigit(b) {
					return false
				}
			}
			return true
		}
	}
	return false
}

// extensions of files that APIs serve or take. Top-level domains that are also extensions (sh, py, md, rs, pl) count as
// extensions for two-part names only.
func IsExtension(v []byte) bool {
	if len(v) < 2 || len(v) > 8 {
		return false
	}
	var low [8]byte
	for i, b := range v {
		if IsUpper(b) {
			b |= 0x20
		}
		low[i] = b
	}
	switch string(low[:len(v)]) {
	case "txt", "json", "xml", "yaml", "yml", "csv", "tsv", "html", "htm", "xhtml", "css", "js", "mjs", "map", "ts", "tsx", "jsx",
		"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "rtf", "md", "log", "conf", "cfg", "ini", "env", "bak",
		"old", "sql", "db", "sqlite", "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "tif", "tiff", "avif", "heic",
		"mp3", "mp4", "wav", "ogg", "webm", "mov", "avi", "mkv", "m3u8", "m4a", "flac", "zip", "gz", "tgz", "tar", "bz2", "xz", "zst",
		"7z", "rar", "jar", "war", "exe", "dll", "so", "dmg", "apk", "deb", "rpm", "iso", "bin", "dat", "pem", "key", "crt", "cer",
		"p12", "pfx", "wasm", "php", "asp", "aspx", "jsp", "jspx", "do", "action", "cgi", "pl", "py", "rb", "go", "rs", "java", "c",
		"cpp", "h", "cs", "sh", "bat", "ps1", "proto", "graphql", "wsdl", "xsd", "xsl", "rss", "atom", "ics", "vcf", "woff", "woff2",
		"ttf", "otf", "eot", "swf", "parquet", "avro", "dcm", "hl7", "geojson", "kml", "gpx", "har", "pcap", "plist", "toml", "lock",
		"properties", "tpl", "tmpl", "swp", "git", "svn", "webmanif", "p7s", "eml", "msg":
		return true
	}
	return false
}

// IsFilename takes a name of harmless characters with a known extension.
func IsFilename(v []byte) bool {
	dot := len(v) - 1
	for dot >= 0 && v[dot] != '.' {
		dot--
	}
	if dot < 0 || !IsExtension(v[dot+1:]) {
		return false
	}
	inner := 0
	for _, b := range v[:dot] {
		if b == '.' {
			inner++
		}
	}
	// www.example.sh is a host; archive.tar.gz and app.min.js are files.
	return inner == 0 || !(len(v)-dot == 3 && countries.has(v[dot+1], v[dot+2])) && inner < 4
}

// IsTopLevel judges the last label. Two labels are weak evidence, so the country codes that are common field names do
// not count there ("user.id", "order.no", "reply.to").
func IsTopLevel(v []byte, labels int) bool {
	if len(v) == 2 && IsAlpha(v[0]) && IsAlpha(v[1]) {
		if labels == 2 {
			switch string(v) {
			case "id", "no", "is", "to", "as", "by":
				return false
			}
		}
		return countries.has(v[0], v[1])
	}
	if len(v) < 3 || len(v) > 13 {
		return len(v) > 4 && foldPrefix(v, "xn--")
	}
	var low [13]byte
	for i, b := range v {
		low[i] = b | 0x20
	}
	switch string(low[:len(v)]) {
	case "com", "org", "net", "edu", "gov", "mil", "int", "arpa", "biz", "pro", "app", "dev", "cloud", "online", "site", "tech",
		"store", "shop", "xyz", "top", "club", "live", "blog", "page", "link", "work", "agency", "digital", "systems", "software",
		"solutions", "network", "services", "health", "care", "bank", "finance", "travel", "mobi", "jobs", "museum", "coop", "aero",
		"local", "localhost", "internal", "intranet", "lan", "corp", "test", "example", "invalid", "onion", "consul", "cluster", "svc":
		return true
	case "info", "name", "host", "email":
		return labels > 2 // "user.name", "build.info"
	}
	return false
}

// IsSlug takes words and numbers joined by dots, dashes or underscores: java.lang.String, user.profile-name.
func IsSlug(v []byte) bool {
	run, letters := 0, 0
	for _, b := range v {
		if IsAlnum(b) {
			run++
			if IsAlpha(b) {
				letters++
			}
			continue
		}
		if run == 0 {
			return false
		}
		run = 0
	}
	return run > 0 && letters*2 > len(v) && len(v) < 100
}

// ibanLengths are the lengths of the ISO 13616 registry.
var ibanLengths = makeIBANLengths(`AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18
DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30`)

func makeIBANLengths(list string) (t [676]uint8) {
	for _, c := range strings.Fields(list) {
		t[int(c[0]-'A')*26+int(c[1]-'A')] = (c[2]-'0')*10 + c[3] - '0'
	}
	return t
}

// IsIBAN checks the country's length and ISO 7064 mod 97-10 of an account number, single spaces allowed.
func IsIBAN(v []byte) bool {
	if len(v) < 15 || !IsUpper(v[0]) || !IsUpper(v[1]) || !IsDigit(v[2]) || !IsDigit(v[3]) {
		return false
	}
	n, rest, prev := 0, uint32(0), byte(0)
	for _, b := range v[4:] {
		switch {
		case IsDigit(b):
			rest = (rest*10 + uint32(b-'0')) % 97
		case IsUpper(b):
			rest = (rest*100 + uint32(b-'A') + 10) % 97
		case b == ' ' && prev != ' ':
			prev = b
			continue
		default:
			return false
		}
		prev = b
		n++
	}
	if n+4 != int(ibanLengths[int(v[0]-'A')*26+int(v[1]-'A')]) || prev == ' ' {
		return false
	}
	rest = (rest*10000 + uint32(v[0]-'A'+10)*100 + uint32(v[1]-'A'+10)) % 97
	return (rest*100+uint32(v[2]-'0')*10+uint32(v[3]-'0'))%97 == 1
}
