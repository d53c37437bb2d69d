package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
)

// wraps are the lengths at which programs break the lines of what they encode: base64 of coreutils, openssl, xxd -p.
var wraps = []int{76, 64, 60}

// Forms returns the texts by which a secret is recognised, none shorter than Shortest: its lines as they are and as URLs and JSON
// escape them, and Base64 and hexadecimal of the whole.
func Forms(secret []byte) []string {
	var out []string
	for _, line := range lines(secret) {
		out = append(out, string(line))
		out = append(out, escaped(string(line))...)
	}
	whole := bytes.TrimSpace(secret)
	if len(whole) < Shortest {
		return out
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		out = append(out, inBase64(encoding, whole)...)
	}
	digits := hex.EncodeToString(whole)
	for _, text := range []string{digits, strings.ToUpper(digits)} {
		out = append(append(out, text), wrapped(text)...)
	}
	return out
}

// escaped returns what URLs, forms and JSON make of a line, as far as that is something else.
func escaped(line string) (out []string) {
	inURL := url.QueryEscape(line)
	candidates := []string{inURL, strings.ReplaceAll(inURL, "+", "%20"), url.PathEscape(line)}
	for _, text := range candidates[:3:3] {
		candidates = append(candidates, lowerEscapes(text))
	}
	for _, inHTML := range []bool{false, true} {
		candidates = append(candidates, inJSON(line, inHTML))
	}
	for _, text := range candidates {
		if text != line {
			out = append(out, text)
		}
	}
	return out
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(text string) string {
	out := []byte(text)
	for i := range out {
		if out[i] == '%' && i+2 < len(out) {
			copy(out[i+1:], bytes.ToLower(out[i+1:i+3]))
		}
	}
	return string(out)
}

func inJSON(line string, escapeHTML bool) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(escapeHTML)
	_ = encoder.Encode(line) // a string can be encoded
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// inBase64 returns what Base64 makes of a secret that stands alone, and what is the same wherever it stands in something longer: the
// characters at both ends depend on what is beside it.
func inBase64(encoding *base64.Encoding, secret []byte) (out []string) {
	alone := encoding.EncodeToString(secret)
	out = append(append(out, alone), wrapped(alone)...)
	for offset := range 3 {
		text := encoding.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, offset), secret...))
		begin, end := (offset*8+5)/6, len(text)
		if (offset+len(secret))%3 != 0 {
			end--
		}
		if text = text[begin:end]; len(text) >= Shortest {
			out = append(out, text)
		}
	}
	return out
}

// wrapped returns the lines of an encoded text, where programs break it.
func wrapped(text string) (out []string) {
	for _, length := range wraps {
		for rest := text; len(text) > length && len(rest) >= Shortest; rest = rest[min(length, len(rest)):] {
			out = append(out, rest[:min(length, len(rest))])
		}
	}
	return out
}
