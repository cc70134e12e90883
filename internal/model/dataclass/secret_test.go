package dataclass

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestIsSecretName(t *testing.T) {
	secret := []string{
		"password", "Password", "userPassword", "user_password", "new-password", "passwd", "pwd", "secret", "client_secret",
		"clientSecret", "SECRET_KEY", "api_key", "apiKey", "X-API-Key", "x-api-key", "APIKey", "Authorization", "Proxy-Authorization",
		"access_token", "accessToken", "refreshToken", "id_token", "token", "auth_token", "csrfToken", "X-CSRF-Token", "cvv", "card_cvc",
		"cvv2", "pin", "otp", "sessionId", "session_id", "JSESSIONID", "PHPSESSID", "Cookie", "Set-Cookie", "private_key", "privateKeyPem",
		"jwt", "aws_secret_access_key", "securityCode", "credentials", "user.password", "pass", "sid", "passphrase", "X-Amz-Security-Token",
		"Ocp-Apim-Subscription-Key", "one_time_password", "secret_id",
	}
	plain := []string{
		"", "user", "name", "passport", "passenger", "compass", "token_type", "tokenExpiresAt", "nextPageToken", "page_token",
		"password_policy", "passwordChangedAt", "has_password", "max_tokens", "total_tokens", "key", "primaryKey", "author", "authorId",
		"pinned", "pinCount", "spin", "description", "cookiesEnabled", "keyboard", "monkey", "secretary", "hotpot", "shipping", "mapping",
		"X-Request-Id", "Content-Type", "continuationToken", "sidebar", "auth_type", "password_hint", "---", "ключ",
	}
	for _, n := range secret {
		if !IsSecretName([]byte(n)) {
			t.Errorf("%q names a secret", n)
		}
	}
	for _, n := range plain {
		if IsSecretName([]byte(n)) {
			t.Errorf("%q names no secret", n)
		}
	}
	if !IsSecretName([]byte(strings.Repeat("wrapper.", 50) + "password")) {
		t.Error("a long path's last word counts")
	}
}

func TestKeyIsNotPrintable(t *testing.T) {
	k := Key{0xde, 0xad, 0xbe, 0xef}
	j, err := json.Marshal(map[string]any{"k": k, "p": &k})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k)
	all := fmt.Sprintf("%v %s %x %d %#v %+v %q %v", k, k, k, k, k, k, k, &k) + string(j) + log.String()
	for _, leak := range []string{"dead", "DEAD", "222", "0xde", "\xde"} {
		if strings.Contains(all, leak) {
			t.Errorf("%q shows in %s", leak, all)
		}
	}
}

func TestToken(t *testing.T) {
	a, b := Key{1}, Key{2}
	if a.Token([]byte("x")) != (Key{1}).Token([]byte("x")) || a.Token([]byte("x")) == a.Token([]byte("y")) || a.Token([]byte("x")) == b.Token([]byte("x")) {
		t.Error("tokens follow value and key")
	}
	// SipHash-1-3 reference vector: key 00..0f, message 00..0e.
	var k Key
	msg := make([]byte, 15)
	for i := range k {
		k[i] = byte(i)
	}
	for i := range msg {
		msg[i] = byte(i)
	}
	if got := k.Token(msg); got != 0xd320d86d2a519956 {
		t.Errorf("reference vector: %x", got)
	}
}
