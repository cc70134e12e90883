package acme

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// Issuer and Audience are the claims in every token of the hospital.
const (
	Issuer   = "https://auth.acme.example/"
	Audience = "acme-api"
	keyID    = "acme-1"
)

// claims are those of RFC 7519 that the hospital uses, and what the token is for.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Role     string `json:"role"`
	Use      string `json:"use"`
	ID       string `json:"jti"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// issue signs a token for a.
func (h *Hospital) issue(a *account, use string, life time.Duration) string {
	now := h.o.Now()
	h.mu.Lock()
	id := h.number("jti")
	h.mu.Unlock()
	c := claims{Issuer, a.subject, Audience, roleName(a.role), use, id[:16], now.Unix(), now.Add(life).Unix()}
	head := `{"alg":"HS256","typ":"JWT"}`
	if h.rsa != nil {
		head = `{"alg":"RS256","typ":"JWT","kid":"` + keyID + `"}`
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(mustJSON(c))
	return signed + "." + base64.RawURLEncoding.EncodeToString(h.sign(signed))
}

func (h *Hospital) sign(signed string) []byte {
	if h.rsa == nil {
		m := hmac.New(sha256.New, h.secret)
		m.Write([]byte(signed))
		return m.Sum(nil)
	}
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(nil, h.rsa, crypto.SHA256, sum[:])
	if err != nil { // the key is ours and of fixed size
		panic(err)
	}
	return sig
}

// verify checks a token's signature and time. The algorithm is the hospital's own, never the token's.
func (h *Hospital) verify(token string) (claims, bool) {
	now := h.o.Now().Unix()
	h.mu.RLock()
	c, ok := h.tokens[token]
	h.mu.RUnlock()
	if ok {
		return c, now < c.Expires
	}
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 || len(token) > 4096 {
		return c, false
	}
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil || !h.signedByUs(token[:dot], sig) {
		return c, false
	}
	_, body, _ := strings.Cut(token[:dot], ".")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(raw, &c) != nil || c.Issuer != Issuer || h.byLogin[c.Subject] == nil {
		return c, false
	}
	h.mu.Lock()
	if len(h.tokens) >= maxSessions {
		clear(h.tokens)
	}
	h.tokens[token] = c
	h.mu.Unlock()
	return c, now < c.Expires
}

func (h *Hospital) signedByUs(signed string, sig []byte) bool {
	if h.rsa == nil {
		return hmac.Equal(sig, h.sign(signed))
	}
	sum := sha256.Sum256([]byte(signed))
	return rsa.VerifyPKCS1v15(&h.rsa.PublicKey, crypto.SHA256, sum[:], sig) == nil
}

// jwks publishes the RSA key (RFC 7517); it is empty when tokens are symmetric.
func (h *Hospital) jwks(w http.ResponseWriter, _ *http.Request, _ *account) {
	type key struct {
		Kty string `json:"kty"`
		Kid string `json:"kid"`
		Use string `json:"use"`
		Alg string `json:"alg"`
		N   string `json:"n"`
		E   string `json:"e"`
	}
	out := struct {
		Keys []key `json:"keys"`
	}{[]key{}}
	if h.rsa != nil {
		out.Keys = append(out.Keys, key{
			"RSA", keyID, "sig", "RS256",
			base64.RawURLEncoding.EncodeToString(h.rsa.N.Bytes()), base64.RawURLEncoding.EncodeToString(big.NewInt(int64(h.rsa.E)).Bytes()),
		})
	}
	reply(w, http.StatusOK, out)
}

// rsaKey makes the 2048-bit key that belongs to a seed. The standard generator cannot be seeded, and past traffic must
// be repeatable to the byte, so the primes are searched here; a key for play, never for use.
func rsaKey(seed uint64) *rsa.PrivateKey {
	var s [32]byte
	copy(s[:], derive(seed, "rsa key"))
	src := rand.NewChaCha8(s)
	e := big.NewInt(65537)
	for {
		p, q := prime(src), prime(src)
		one := big.NewInt(1)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil || p.Cmp(q) == 0 {
			continue
		}
		k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: d, Primes: []*big.Int{p, q}}
		k.Precompute()
		if k.Validate() == nil {
			return k
		}
	}
}

func prime(src *rand.ChaCha8) *big.Int {
	b := make([]byte, 128)
	_, _ = src.Read(b) // ChaCha8 never fails
	b[0] |= 0xC0       // both top bits, so that the product has 2048 bits
	b[len(b)-1] |= 1   // odd
	n := new(big.Int).SetBytes(b)
	for two := big.NewInt(2); !n.ProbablyPrime(20); n.Add(n, two) {
	}
	return n
}
