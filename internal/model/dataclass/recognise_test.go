package dataclass

import (
	"bytes"
	"strings"
	"testing"
)

// recogniserCases: for each class what must fire and what must stay silent.
var recogniserCases = []struct {
	class        Class
	fire, silent []string
}{
	{Int, []string{"0", "42", "-7", "007", "+5", strings.Repeat("9", 40)}, []string{"", "1.5", "4a", "1e3", "--1", "-", "1_000"}},
	{Number, []string{"0", "42", "-7", "1.5", "-0.001", "1e10", "1.5e-3", "2E+5", "-12.5E3"}, []string{"007", "1.", ".5", "1e", "1.2.3", "Infinity", "NaN", "0x10", "1,5"}},
	{BoolWord, []string{"true", "FALSE", "Yes", "no", "on", "off"}, []string{"truth", "t", "1", "none", "offer"}},
	{
		UUID,
		[]string{"123e4567-e89b-42d3-a456-426614174000", "123E4567-E89B-42D3-A456-426614174000", "00000000-0000-0000-0000-000000000000"},
		[]string{"123e4567e89b42d3a456426614174000", "123e4567-e89b-42d3-a456-42661417400", "123e4567-e89b-42d3-a456-42661417400g", "123e45678-e89-42d3-a456-426614174000"},
	},
	{UUIDBraced, []string{"{123e4567-e89b-42d3-a456-426614174000}", "urn:uuid:123e4567-e89b-42d3-a456-426614174000"}, []string{"{123e4567}", "urn:isbn:0451450523", "123e4567-e89b-42d3-a456-426614174000"}},
	{ULID, []string{"01ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav"}, []string{"01ARZ3NDEKTSV4RRFFQ69G5FAU", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FA", "ABCDEFGHJKMNPQRSTVWXYZABCD", "01arz3NDEKTSV4RRFFQ69G5FAV"}},
	{KSUID, []string{"0ujtsYcgvSTl8PAuAdqWYSMnLOv", "2Fb0nQ8Yw1rZpVxKtLmGh3Jd7Sa"}, []string{"getAllUsersByOrganisationId1", "0ujtsYcgvSTl8PAuAdqWYSMnLO", "123456789012345678901234567"}},
	{
		Hex,
		[]string{"507f1f77bcf86cd799439011", "d41d8cd98f00b204e9800998ecf8427e", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "4bf92f3577b34da6", "0x71c7656ec7ab88b098defb751b7401b5f6d8976f"},
		[]string{"deadbeef", "1234567890123456", "DeadBeefDeadBeef12", "4bf92f3577b34dag"},
	},
	{
		Base64,
		[]string{"SGVsbG8gV29ybGQhIQ==", "q83vEjRWeJCrze8SNFZ4kA==", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "a8F3/kQ9zP0+Lm2XvB7c"},
		[]string{"users/profile/settings", "application/json", "a+b=c", "first_name=last_name", "/api/v1/users/list", "the-quick-brown-fox"},
	},
	{Base62, []string{"dQw4w9WgXcQ", "4fzzzxjylrx3", "29d-cad-9rf", "x7f3k9q2", "B07XJ8C8F5", "a1b2c3d"}, []string{"getUserById", "username", "oauth2", "base64Encode", "iPhone15", "PostgreSQL", "McDonalds", "UTF8String", "ISO8601"}},
	{
		PrefixedID,
		[]string{"cus_9s6XKzkNRiz8i3", "order-12345", "SKU123", "user_8842", "TESTVARIABLE1652349031", "0e0d7ae299514da692eb1cab741562c253d44188...b7b37f75a80b8e84061cd45b246232ad958158f5", "pl:test-142add9a13d5e67404ac364c8b25d1dc", "ORD-2024-000123", "pi_3MtwBwLkdIwHu7ix28a3tqPa", "i-0abcd1234ef567890"},
		[]string{"user-profile", "utf-8", "top-10", "report-2024", "covid-19", "sha256", "win10", "us-east-1", "eu-west-2a"},
	},
	{Date, []string{"2024-02-29", "1999-12-31"}, []string{"2023-02-29", "2024-13-01", "2024-1-1", "24-01-01", "2024-00-10", "2024/01/01"}},
	{DateLoose, []string{"31/12/2024", "12/31/2024", "31.12.2024", "2024/12/31", "1/2/2024"}, []string{"31/31/2024", "99/12/2024", "31/12-2024", "1.2.3", "10.0.0.1", "12/31"}},
	{DateTime, []string{"2024-05-06T07:08:09Z", "2024-05-06t07:08:09.123456789+02:00", "2024-05-06 07:08:09-0500"}, []string{"2024-05-06T25:08:09Z", "2024-05-06", "2024-05-06T07:08:09", "2024-05-06T07:08:09Zulu"}},
	{DateTimeLocal, []string{"2024-05-06T07:08:09", "2024-05-06 07:08"}, []string{"2024-05-06T07:08:09Z", "2024-05-06T07"}},
	{HTTPDate, []string{"Sun, 06 Nov 1994 08:49:37 GMT"}, []string{"Sun, 06 Nov 1994 08:49:37 PST", "Sunday, the sixth: of: November"}},
	{Time, []string{"07:08", "23:59:60", "07:08:09.5Z"}, []string{"24:00", "7:08", "07:60", "12:34:56:78"}},
	{Duration, []string{"P3Y6M4DT12H30M5S", "PT5M", "P2W", "PT0.5S", "P1D"}, []string{"P", "PT", "P5", "PAYMENT1", "P1S", "PT1D", "P1M1Y"}},
	{UnixTime, []string{"1700000000", "1700000000000"}, []string{"0700000000", "17000000", "9999999999"}},
	{Email, []string{"alice@example.com", "a.b+tag@mail.example.co.uk", "o'brien@example.org", "x@xn--bcher-kva.xn--p1ai"}, []string{"alice@example", "@example.com", "a@b@c.com", "a..b@example.com", "alice@.com", "alice@example.c", "user@1.2.3.4", "a b@example.com"}},
	{URI, []string{"https://example.com/a?b=c", "http://[::1]:8080/", "mailto:alice@example.com", "ftp://files.example.com", "urn:isbn:0451450523", "file:///etc/passwd", "https://user:pw@example.com/"}, []string{"example.com", "/a/b", "a:b", "http:/x", "://x", "note: this", "key:value", "http://<x>"}},
	{Hostname, []string{"api.example.com", "example.io", "db-1.prod.internal", "a.b.svc"}, []string{"user.name", "user.id", "order.no", "-a.com", "a..com", "java.lang.String", "1.2.3", "report.pdf", "localhost"}},
	{IPv4, []string{"10.0.0.1", "255.255.255.255"}, []string{"256.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", "1.2.3.4a"}},
	{IPv6, []string{"::", "::1", "2001:db8::8a2e:370:7334", "fe80:0:0:0:0:0:0:1", "::ffff:192.0.2.1", "1::"}, []string{"1:2:3", ":::", "2001:db8::1::2", "12345::1", "1:2:3:4:5:6:7:8:9", "12:34:56", ":1"}},
	{MAC, []string{"00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E"}, []string{"00:1a:2b:3c:4d", "00:1a-2b:3c:4d:5e", "00:1g:2b:3c:4d:5e"}},
	{Locale, []string{"en-US", "de_CH", "zh-Hans-CN", "sr-Latn", "es-419", "en-gb"}, []string{"en", "xx-US", "to-do", "en-ZZ", "in-app", "my-Word"}},
	{Country, []string{"GB", "US"}, []string{"gb", "ZZ", "GBR", "QQ"}},
	{Currency, []string{"EUR", "USD", "JPY"}, []string{"eur", "ABC", "GET", "URL"}},
	{Version, []string{"v1", "V2", "v2beta1", "v1alpha", "1.2.3", "1.2.3-rc.1+build.5", "v1.2", "v3-preview"}, []string{"1", "1.2", "v", "version", "va", "1.2.3.4", "v1x"}},
	{Filename, []string{"robots.txt", "report.pdf", "archive.tar.gz", "app.min.js", "Main.java", "my-file_1.png"}, []string{"user.name", "www.example.sh", "file", "a.unknownext", "api.example.com"}},
	{Slug, []string{"user-profile-settings", "top-10", "first_name", "java.lang.String", "us-east-1", "report-2024"}, []string{"user", "dQw4w9WgXcQ", "user--", "-user", "cus_9s6XKzkNRiz8i3"}},
	{Word, []string{"users", "getUserById", "oauth2", "Überraschung", "PATCH"}, []string{"user-name", "two words", "42", "dQw4w9WgXcQ"}},
	{GeoPoint, []string{"51.5074,-0.1278", "-33.86, 151.20"}, []string{"91.00,0.00", "1,2", "51.5074", "51.5,-200.25", "1.00,2.00,3.00"}},
	{
		JWT,
		[]string{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.", "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("aB3", 400) + ".sig"},
		[]string{"eyJhbGciOiJIUzI1NiJ9", "a.b.c", "eyes.are.blue.and.green.too", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi"},
	},
	{
		CredentialKey,
		[]string{"AKIA" + "IOSFODNN7EXAMPLE", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a", "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "xoxb-" + "123456789012-abcdefGHIJKL", "AIza" + "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe", "Bearer abcdef0123456789", "Basic dXNlcjpwYXNz"},
		[]string{"AKIA", "sk_live_short", "xoxb-", "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "Bearer of good news", "Basic English grammar", "sk-the-quick-brown-fox-jumps-over-the-lazy-dog", "secret_santa_gift_exchange_instructions_for_all"},
	},
	{PrivateKey, []string{"-----BEGIN RSA PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN", "-----BEGIN OPENSSH PRIVATE KEY-----\n" + strings.Repeat("b3Bl", 100)}, []string{"-----BEGIN PUBLIC KEY-----\nMIIB", "-----BEGIN CERTIFICATE-----\nMIIB", "the PRIVATE KEY is lost"}},
	{PasswordHash, []string{"$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27", "$6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3InaxBeo", "pbkdf2_sha256$260000$abcdefghijkl$AbCdEfGh1234567890"}, []string{"$100", "$2b$", "$variable$name$that$is$quite$long", "$19.99 for the whole set of items"}},
	{
		PAN,
		[]string{"4111111111111111", "5555555555554444", "378282246310005", "4111 1111 1111 1111", "5555-5555-5555-4444", "3782 822463 10005", "6011111111111117", "30569309025904", "2223003122003222", "180001894718246", "676222165679"},
		[]string{"4111111111111112", "1234567812345670", "0000000000000000", "411111111111", "4111 1111-1111 1111", "9999999999999995", "4111 1111 1111 1111 is the card"},
	},
	{IBAN, []string{"DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606", "NO9386011117947"}, []string{"DE89370400440532013001", "DE8937040044053201300", "ZZ89370400440532013000", "GB29 NWBK"}},
	{SSN, []string{"123-45-6789", "078 05 1120"}, []string{"000-12-3456", "666-12-3456", "900-12-3456", "123-00-6789", "123-45-0000", "123456789", "123-45-678", "123-45 6789"}},
	{Phone, []string{"+14155550100", "+44 20 7946 0958", "(415) 555-2671", "415-555-2671", "+1 (415) 555-0100", "1-800-555-0199", "415.555.2671", "01.84.17.61.18", "0490 39 07 81", "+1-604-696-5272x565"}, []string{"4155552671", "115-555-2671", "12-345", "+0123456789", "2024-05-06", "10.20.30.40", "1234-5678-9012", "+1234", "1-2-3-4-5-6-7-8", "0.1.2.3.4.5.6.7.8", "737 219 628", "0123456789"}},
	{NHSNumber, []string{"9434765919", "943 476 5919", "943-476-5919"}, []string{"9434765918", "943476591", "1111111111", "943 476-5919"}},
	{NPI, []string{"1234567893"}, []string{"1234567890", "3234567893", "123456789"}},
	{IMEI, []string{"490154203237518"}, []string{"490154203237519", "49015420323751", "000000000000000"}},
	{Text, []string{"hello world", "The card is lost.", "line one\nline two", "héllo wörld", "4111 is a number"}, []string{"hello", "42", "a-b", "user@example.com"}},
	{Binary, []string{"\x00\x01", "abc\x7f", "\xff\xfe", "ok\x1b[0m", strings.Repeat("a", 300)[:254] + "\xff\xff\xff"}, []string{"héllo", "tab\tseparated", "plain", strings.Repeat("é", 200)}},
}

func TestRecognise(t *testing.T) {
	covered := map[Class]bool{}
	for _, c := range recogniserCases {
		covered[c.class] = true
		for _, v := range c.fire {
			if set, _ := Recognise([]byte(v)); !set.Has(c.class) {
				t.Errorf("%s must fire on %q, got {%s}", c.class, v, set)
			}
		}
		for _, v := range c.silent {
			if set, _ := Recognise([]byte(v)); set.Has(c.class) {
				t.Errorf("%s must stay silent on %q, got {%s}", c.class, v, set)
			}
		}
	}
	for c := Class(0); c < ClassCount; c++ {
		if !covered[c] {
			t.Errorf("class %s has no case", c)
		}
	}
}

func TestClassTable(t *testing.T) {
	var sensitive, candidate Set
	for c := Class(0); c < ClassCount; c++ {
		if c.Name() == "" || c.Doc() == "" {
			t.Errorf("class %d lacks a name or a doc line", c)
		}
		if got, ok := ByName(c.Name()); !ok || got != c {
			t.Errorf("ByName(%q) = %v, %v", c.Name(), got, ok)
		}
		if c.Sensitive() {
			sensitive = sensitive.With(c)
		}
		if c.Candidate() {
			candidate = candidate.With(c)
		}
	}
	if sensitive != SensitiveSet {
		t.Errorf("SensitiveSet is {%s}, the table says {%s}", SensitiveSet, sensitive)
	}
	if candidate != CandidateSet {
		t.Errorf("CandidateSet is {%s}, the table says {%s}", CandidateSet, candidate)
	}
	if ClassCount > 64 {
		t.Fatalf("%d classes do not fit into a Set", ClassCount)
	}
	if Class(200).Name() != "unknown" || Class(200).Sensitive() || Class(200).Format() != "" {
		t.Error("an unknown class must be harmless")
	}
	if s := Int.Set().With(PAN); s.String() != "int|card" || s.Len() != 2 || s.Without(PAN) != Int.Set() {
		t.Errorf("set arithmetic: %s", s)
	}
}

func TestChars(t *testing.T) {
	for v, want := range map[string]Chars{
		"a1": CharLower | CharDigit, "A-_": CharUpper | CharDash | CharUnderscore, "./\\": CharDot | CharSlash,
		":@": CharColon | CharAt, "'\"`": CharQuote, "<>": CharAngle, "()[]{}": CharBracket, "!%": CharPunct,
		"\t\x00": CharControl, "é": CharNonASCII, " ": CharSpace, "": 0,
	} {
		if _, got := Recognise([]byte(v)); got != want {
			t.Errorf("%q: %016b, want %016b", v, got, want)
		}
	}
}

// Whatever the input, a value is judged alike when it is recognised twice, and nothing beyond MaxExamined changes the
// character classes.
func FuzzRecognise(f *testing.F) {
	for _, c := range recogniserCases {
		for _, v := range append(c.fire, c.silent...) {
			f.Add([]byte(v))
		}
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		kept := bytes.Clone(v)
		set, chars := Recognise(v)
		if !bytes.Equal(kept, v) {
			t.Fatal("the value was written to")
		}
		if set>>ClassCount != 0 {
			t.Fatalf("unknown classes in %x", uint64(set))
		}
		if set.Has(UUID) && len(v) != 36 || set.Has(Int) && chars&^(CharDigit|CharDash|CharPunct) != 0 ||
			set.Has(PAN) && (len(v) < 12 || len(v) > 23) || set.Has(Email) && chars&CharAt == 0 {
			t.Fatalf("%q cannot be {%s}", v, set)
		}
		if _, again := Recognise(append(bytes.Clone(v), "tail"...)); len(v) >= MaxExamined && again != chars {
			t.Fatalf("bytes beyond the bound changed the character classes")
		}
	})
}

func TestRecogniseDoesNotAllocate(t *testing.T) {
	for _, c := range recogniserCases {
		for _, v := range append(c.fire, c.silent...) {
			b := []byte(v)
			if n := testing.AllocsPerRun(10, func() { Recognise(b); Segment(b); IsSecretName(b) }); n != 0 {
				t.Errorf("%q: %v allocations", v, n)
			}
		}
	}
}
