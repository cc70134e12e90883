package dataclass

import "merlon/internal/model/dataclass/form"

// nameLimit is how many bytes of a field name are looked at.
const nameLimit = 64

// IsSecretName says whether a field, header, cookie or parameter of this name holds something that gives access or that
// may never be kept (PCI DSS 3.3.1: card verification codes): passwords, keys, tokens, one-time codes. Case does not
// matter, and words are found in camelCase, snake_case and kebab-case. Names that are about a secret without holding
// one (passwordPolicy, token_type, nextPageToken) are silent. No allocation.
func IsSecretName(name []byte) bool {
	var flat [nameLimit]byte
	var words [12]span
	n, w := splitName(name, &flat, &words)
	if w == 0 {
		return false
	}
	last := words[w-1]
	if aboutSecret(flat[last.from:last.to]) || harmlessFirst(flat[words[0].from:words[0].to]) && w > 1 {
		return false
	}
	for i := 0; i < w; i++ {
		if secretWord(flat[words[i].from:words[i].to], i == w-1) {
			return !(i == w-1 && w > 1 && pageWord(flat[words[i-1].from:words[i-1].to]))
		}
		if i > 0 && secretPair(flat[words[i-1].from:words[i].to]) {
			return true
		}
	}
	return w > 2 && secretPair(flat[:n])
}

type span struct{ from, to uint8 }

// splitName lowers the name into flat without separators and marks its words.
func splitName(name []byte, flat *[nameLimit]byte, words *[12]span) (n, w int) {
	if len(name) > nameLimit {
		name = name[len(name)-nameLimit:] // the last words say what it is
	}
	start := 0
	for i, b := range name {
		if !form.IsAlnum(b) {
			if n > start && w < len(words) {
				words[w] = span{uint8(start), uint8(n)}
				w++
			}
			start = n
			continue
		}
		if form.IsUpper(b) {
			after := i > 0 && (form.IsLower(name[i-1]) || form.IsDigit(name[i-1]))
			before := i > 0 && form.IsUpper(name[i-1]) && i+1 < len(name) && form.IsLower(name[i+1])
			if (after || before) && n > start && w < len(words) {
				words[w] = span{uint8(start), uint8(n)}
				w++
				start = n
			}
			b |= 0x20
		}
		flat[n] = b
		n++
	}
	if n > start && w < len(words) {
		words[w] = span{uint8(start), uint8(n)}
		w++
	}
	return n, w
}

// secretWord knows the words that name a secret by themselves; last says that the word ends the name.
func secretWord(b []byte, last bool) bool {
	switch string(b) {
	case "password", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "apikey", "accesskey", "secretkey",
		"privatekey", "authorization", "credential", "credentials", "cvv", "cvv2", "cvc", "cvc2", "otp", "totp", "mfacode",
		"accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "bearertoken", "csrftoken", "xsrftoken", "jwt",
		"sessionid", "sessid", "phpsessid", "jsessionid", "clientsecret", "userpassword", "newpassword", "oldpassword",
		"currentpassword", "confirmpassword", "kennwort", "passwort", "motdepasse", "contrasena", "senha", "authkey",
		"encryptionkey", "signingkey", "masterkey", "sharedsecret", "webhooksecret", "bearer", "cookie", "setcookie", "xapikey":
		return true
	case "token", "pass", "pin", "sid", "auth", "pw", "tok", "cvn", "signature", "assertion", "nonce":
		return last
	}
	return false
}

// secretPair knows pairs of words, joined without separator.
func secretPair(b []byte) bool {
	switch string(b) {
	case "apikey", "accesskey", "secretkey", "privatekey", "authkey", "sessionid", "sessionkey", "sessiontoken", "securitycode",
		"cardcode", "verificationcode", "onetimecode", "onetimepassword", "signingkey", "encryptionkey", "masterkey", "sharedkey",
		"clientsecret", "accesstoken", "refreshtoken", "idtoken", "authtoken", "securitytoken", "recoverycode", "backupcode",
		"pincode", "cardpin", "mfacode", "authcode", "authorizationcode", "devicecode", "setcookie", "licensekey", "subscriptionkey",
		"ocpapimsubscriptionkey", "storagekey", "accountkey", "servicekey", "connectionstring", "securityanswer", "trackdata":
		return true
	}
	return false
}

// aboutSecret knows last words that make the name one about a secret.
func aboutSecret(b []byte) bool {
	switch string(b) {
	case "at", "date", "time", "type", "types", "policy", "name", "names", "count", "length", "len", "url", "uri", "expiry", "expires",
		"expiration", "ttl", "age", "hint", "required", "enabled", "status", "strength", "format", "endpoint", "usage", "limit",
		"limits", "scope", "scopes", "changed", "updated", "created", "reset", "link", "message", "error", "valid", "version",
		"algorithm", "alg", "rotation", "in", "attempts", "budget", "prompt", "completion", "tokens", "methods", "method", "mode":
		return true
	}
	return false
}

func harmlessFirst(b []byte) bool {
	switch string(b) {
	case "has", "is", "max", "min", "num", "total", "require", "requires", "allow", "forgot", "reset", "should":
		return true
	}
	return false
}

// pageWord knows what comes before "token" in names that hold positions, not secrets.
func pageWord(b []byte) bool {
	switch string(b) {
	case "page", "next", "prev", "previous", "continuation", "sync", "cursor", "start", "resume", "scroll", "position",
		"change", "delta", "design", "cancellation", "idempotency", "request":
		return true
	}
	return false
}
