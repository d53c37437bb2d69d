package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/redact"
)

func TestTextWithoutSecrets(t *testing.T) {
	t.Parallel()
	r := redact.New([]byte("hunter22"), []byte("yes\n"), []byte("first line\nsecond line of hunter22\n"), []byte("a/b \"c\"+é"))
	tests := []struct{ name, text, want string }{
		{"as it is", "it is hunter22.", "it is ***."},
		{"what is too short to be looked for", "yes", "yes"},
		{"each line", "second line of hunter22, first line", "***, ***"},
		{"Base64", "aHVudGVyMjI=", "***"},
		{"hexadecimal", "68756e7465723232 68756E7465723232", "*** ***"},
		{"in a URL", "?q=a%2Fb%20%22c%22%2B%C3%A9 ?q=a%2Fb+%22c%22%2B%C3%A9 a%2fb+%22c%22%2b%c3%a9", "?q=*** ?q=*** ***"},
		{"in JSON", `{"k":"a/b \"c\"+é"}`, `{"k":"***"}`},
		{"nothing of them", "hunter2", "hunter2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, r.Text(test.text)); diff != "" {
				t.Errorf("Text() (-want +got):\n%s", diff)
			}
		})
	}
	if got := redact.New().Text("hunter22"); got != "hunter22" {
		t.Errorf("without secrets Text() = %q", got)
	}
}

// The middle of what Base64 makes of something longer does not depend on what is beside the secret.
func TestBase64OfSomethingLonger(t *testing.T) {
	t.Parallel()
	secret := "correct horse battery"
	r := redact.New([]byte(secret))
	for before := range 7 {
		for after := range 4 {
			whole := strings.Repeat("u", before) + secret + strings.Repeat(":", after)
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
				text := encoding.EncodeToString([]byte(whole))
				if got := r.Text(text); len(got) > len(text)-(len(secret)-2)*4/3+len(redact.Mark)+2 || !strings.Contains(got, redact.Mark) {
					t.Errorf("Base64 of %q is shown as %q", whole, got)
				}
			}
		}
	}
}

// What base64, openssl and xxd break into lines is found line by line.
func TestEncodedInSeveralLines(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("0123456789abcdefghij", 20)
	r := redact.New([]byte(secret))
	for encoded, lengths := range map[string][]int{base64.StdEncoding.EncodeToString([]byte(secret)): {76, 64}, hex.EncodeToString([]byte(secret)): {60}} {
		for _, length := range lengths {
			for rest := encoded; rest != ""; rest = rest[min(length, len(rest)):] {
				if line := rest[:min(length, len(rest))]; len(line) >= redact.Shortest && r.Text(line) != redact.Mark {
					t.Errorf("the line %q is shown as %q", line, r.Text(line))
				}
			}
		}
	}
}

func TestStreamInPieces(t *testing.T) {
	t.Parallel()
	secret := "open sesame"
	text := "before open sesame, " + base64.StdEncoding.EncodeToString([]byte(secret)) + " open" + url.QueryEscape(secret) + " open ses"
	want := redact.New([]byte(secret)).Text(text)
	for first := range len(text) {
		for second := first; second <= len(text); second++ {
			s := redact.New([]byte(secret)).Stream()
			var got strings.Builder
			for _, piece := range []string{text[:first], text[first:second], text[second:]} {
				got.Write(s.Next([]byte(piece)))
			}
			got.Write(s.Rest())
			if got.String() != want {
				t.Fatalf("cut at %d and %d it is %q, want %q", first, second, got.String(), want)
			}
		}
	}
}

// Whatever is around a secret, and however it is cut, it is not in what is shown.
func FuzzStream(f *testing.F) {
	f.Add("hunter22", "a", "b", uint8(3))
	f.Add("line one\nline two", "", "aHVudGVyMjI=", uint8(1))
	f.Fuzz(func(t *testing.T, secret, before, after string, size uint8) {
		r := redact.New([]byte(secret))
		s := r.Stream()
		var shown strings.Builder
		for rest := before + secret + after; rest != ""; {
			n := min(len(rest), int(size)+1)
			shown.Write(s.Next([]byte(rest[:n])))
			rest = rest[n:]
		}
		shown.Write(s.Rest())
		for _, form := range redact.Forms([]byte(secret)) {
			// A secret of stars is found in the marks; what stands beside a mark may make a secret with it.
			if strings.Contains(shown.String(), form) && !strings.Contains(form, "*") {
				t.Errorf("%q holds %q of the secret %q", shown.String(), form, secret)
			}
		}
	})
}

func ExampleRedactor_Text() {
	fmt.Println(redact.New([]byte("hunter22")).Text("curl -u admin:hunter22 https://registry.example"))
	// Output: curl -u admin:*** https://registry.example
}
