package telemetry

import (
	"encoding"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// masked stands where a secret was.
const masked = "[masked]"

// maxText bounds one value in a log line, in bytes: an error can quote a whole message of a client.
const maxText = 2048

// redact is called for every attribute that is written, message and level included, with the names of the groups around it.
func redact(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.SourceKey) {
		return a
	}
	secret := secretName(a.Key)
	for _, g := range groups {
		secret = secret || secretName(g)
	}
	if secret && a.Value.Kind() != slog.KindBool {
		return slog.String(a.Key, masked)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, clean(a.Value.String()))
	case slog.KindAny:
		return slog.String(a.Key, clean(rendered(a.Value.Any())))
	default:
		return a // numbers, booleans, times and durations say nothing by themselves
	}
}

// rendered writes v only if v says itself how it wants to be seen.
func rendered(v any) string {
	switch v := v.(type) {
	case nil:
		return "<nil>"
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case encoding.TextMarshaler:
		if b, err := v.MarshalText(); err == nil {
			return string(b)
		}
	case []string:
		return strings.Join(v, ", ")
	}
	return fmt.Sprintf("(%T)", v)
}

// secretParts are parts of names whose values are secrets, after - and _ are taken out.
var secretParts = []string{
	"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "credential", "bearer", "jwt",
	"sessionid", "setuplink", "signature", "assertion", "cardnumber",
}

// secretWhole are names that are secrets when nothing else stands beside them.
var secretWhole = []string{"pass", "pwd", "auth", "session", "pin", "otp", "cvv", "cvc", "pan", "iban", "ssn"}

var separators = strings.NewReplacer("-", "", "_", "", ".", "", " ", "")

// secretName says whether a name speaks of a secret. It would rather mask too much: a log line is read by many.
func secretName(name string) bool {
	n := separators.Replace(strings.ToLower(name))
	for _, p := range secretParts {
		if strings.Contains(n, p) {
			return true
		}
	}
	for _, w := range secretWhole {
		if n == w {
			return true
		}
	}
	return strings.HasSuffix(n, "key")
}

// credentials are the forms in which secrets stand inside other text: an authorization value, a JWT, a URL's user part, a query's token.
var credentials = regexp.MustCompile(`(?i)\b(bearer|basic|negotiate|digest)\s+[a-z0-9._~+/=-]{6,}` +
	`|\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?` +
	`|(://)[^/\s@"']+@` +
	`|([?&;](?:access_?token|api_?key|token|password|secret|code|sig|signature)=)[^&\s"']+`)

// clean masks credentials inside text and bounds its length.
func clean(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + fmt.Sprintf("... (%d bytes)", len(s))
	}
	if !credentials.MatchString(s) {
		return s
	}
	return credentials.ReplaceAllStringFunc(s, func(m string) string {
		switch {
		case strings.HasPrefix(m, "://"):
			return "://" + masked + "@"
		case strings.ContainsRune("?&;", rune(m[0])):
			name, _, _ := strings.Cut(m, "=")
			return name + "=" + masked
		}
		if i := strings.LastIndexAny(m, " \t\r\n\v\f"); i >= 0 {
			if prose(m[i+1:]) {
				return m
			}
			return m[:i+1] + masked
		}
		return masked
	})
}

// prose says whether the word after "basic" or "bearer" is one of a sentence: short and of small letters alone.
func prose(word string) bool {
	return len(word) < 20 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz.") == ""
}
