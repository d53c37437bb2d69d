package registry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/registry"
)

// clock is a clock whose waits take no time and are written down.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.now = c.now.Add(d)
		c.waits = append(c.waits, d)
	}
	return context.Cause(ctx)
}

// all is the sum of the waits.
func (c *clock) all() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum time.Duration
	for _, d := range c.waits {
		sum += d
	}
	return sum
}

// answers is a server that gives one answer after the other, and the last one for ever.
type answers struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string // method, and the body or the range that was asked for
	next []http.HandlerFunc
}

func serve(t *testing.T, next ...http.HandlerFunc) *answers {
	t.Helper()
	s := &answers{next: next}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // the client's test sees what arrives
		s.mu.Lock()
		s.seen = append(s.seen, strings.TrimSpace(r.Method+" "+string(body)+r.Header.Get("Range")))
		do := s.next[0]
		if len(s.next) > 1 {
			s.next = s.next[1:]
		}
		s.mu.Unlock()
		do(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *answers) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

func says(status int, text string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the client's test sees what arrives
	}
}

// breaksOff sends a part of what it has announced.
func breaksOff(announced, sent string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", lengthOf(announced))
		_, _ = io.WriteString(w, sent)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func lengthOf(text string) string {
	return string(rune('0'+len(text)/10)) + string(rune('0'+len(text)%10))
}

func resets(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

var good = says(http.StatusOK, "good")

func newTransport(t *testing.T, config registry.Config) *registry.Transport {
	t.Helper()
	transport, err := registry.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

// ask makes a request and reads the whole answer.
func ask(ctx context.Context, transport http.RoundTripper, method, url, body string) (status int, text string, err error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return 0, "", err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, "", err
	}
	raw, err := io.ReadAll(response.Body)
	return response.StatusCode, string(raw), errors.Join(err, response.Body.Close())
}

func TestWhatMayPassIsAskedAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		first   http.HandlerFunc
		atLeast time.Duration
		atMost  time.Duration
	}{
		{"408", says(408, ""), 0, time.Second},
		{"425", says(425, ""), 0, time.Second},
		{"429 alone", says(429, ""), 0, time.Second},
		{"429 with seconds", says(429, "", "Retry-After", "5"), 5 * time.Second, 5 * time.Second},
		{"429 with a date", says(429, "", "Retry-After", "Sun, 01 Mar 2026 12:00:07 GMT"), 7 * time.Second, 7 * time.Second},
		{"429 with a date that has passed", says(429, "", "Retry-After", "Sun, 01 Mar 2026 11:00:00 GMT"), 0, time.Second},
		{"429 that wants an hour", says(429, "", "Retry-After", "3600"), 2 * time.Minute, 2 * time.Minute},
		{"429 with nonsense", says(429, "", "Retry-After", "soon"), 0, time.Second},
		{"499", says(499, ""), 0, time.Second},
		{"500", says(500, ""), 0, time.Second},
		{"502", says(502, ""), 0, time.Second},
		{"503 with seconds", says(503, "", "Retry-After", "3"), 3 * time.Second, 3 * time.Second},
		{"504", says(504, ""), 0, time.Second},
		{"522", says(522, ""), 0, time.Second},
		{"403 about a rate limit", says(403, `{"errors":[{"code":"DENIED","message":"You have exceeded a secondary rate limit."}]}`), 0, time.Second},
		{"an answer that breaks off", breaksOff("0123456789", "012"), 0, time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, c := serve(t, test.first, good), newClock()
			status, text, err := ask(t.Context(), newTransport(t, registry.Config{Clock: c}), http.MethodGet, s.URL+"/v2/app/manifests/1", "")
			if err != nil || status != http.StatusOK || text != "good" {
				t.Errorf("got %d, %q, %v", status, text, err)
			}
			if got := c.all(); got < test.atLeast || got > test.atMost {
				t.Errorf("it waited %s, want %s to %s", got, test.atLeast, test.atMost)
			}
		})
	}
}

func TestWhatIsFinalIsAskedOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 405, 413, 414, 501} {
		s, c := serve(t, says(status, `{"errors":[{"code":"DENIED","message":"no"}]}`)), newClock()
		got, text, err := ask(t.Context(), newTransport(t, registry.Config{Clock: c}), http.MethodPut, s.URL+"/v2/app/manifests/1", "body")
		if err != nil || got != status || !strings.Contains(text, "DENIED") || len(s.requests()) != 1 {
			t.Errorf("%d: got %d, %q, %v after %d requests, want the answer as it is", status, got, text, err, len(s.requests()))
		}
	}
}

func TestABodyIsSentAgain(t *testing.T) {
	t.Parallel()
	s := serve(t, resets, resets, good)
	if _, _, err := ask(t.Context(), newTransport(t, registry.Config{Clock: newClock()}), http.MethodPut, s.URL+"/v2/app/manifests/1", "body"); err != nil {
		t.Fatal(err)
	}
	if got := s.requests(); len(got) != 3 || got[2] != "PUT body" {
		t.Errorf("the requests were %q, want the body in each of three", got)
	}
}

// What a registry has kept of an upload that broke off is not known, so a part of one is not sent twice.
func TestAPartOfAnUploadIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPatch, http.MethodPut} {
		s := serve(t, says(503, ""), good)
		_, _, err := ask(t.Context(), newTransport(t, registry.Config{Clock: newClock()}), method, s.URL+"/v2/app/blobs/uploads/1", "body")
		var interrupted *registry.InterruptedError
		if !errors.As(err, &interrupted) || len(s.requests()) != 1 {
			t.Errorf("%s: got %v after %d requests, want an InterruptedError after one", method, err, len(s.requests()))
		}
	}
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config registry.Config
		answer http.HandlerFunc
		tries  int
		want   string
	}{
		{"after ten tries", registry.Config{}, says(503, `{"errors":[{"code":"UNAVAILABLE","message":"down for repair"}]}`), 10, "UNAVAILABLE: down for repair; tried 10 times in "},
		{"with the budget", registry.Config{Budget: 5 * time.Minute}, says(429, "", "Retry-After", "110"), 3, "429 Too Many Requests; tried 3 times in 3m40s"},
		{"at once without a budget", registry.Config{Budget: time.Nanosecond}, says(502, "no route"), 1, "unexpected status code 502 Bad Gateway: no route; the time for waiting is used up"},
		{"after three tries where nothing has answered", registry.Config{}, resets, 3, "EOF; tried 3 times in "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, test.answer)
			test.config.Clock = newClock()
			_, _, err := ask(t.Context(), newTransport(t, test.config), http.MethodGet, s.URL, "")
			var gaveUp *registry.GaveUpError
			if !errors.As(err, &gaveUp) || gaveUp.Tries != test.tries || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %d tries and %q", err, test.tries, test.want)
			}
			if got := len(s.requests()); got != test.tries {
				t.Errorf("the registry saw %d requests, want %d", got, test.tries)
			}
		})
	}
}

// Sixteen requests that fail side by side are one failure: the pause is that after one, and the log has one line.
func TestOneRegistryIsPutOffOnceForAll(t *testing.T) {
	t.Parallel()
	const many = 16
	var together sync.WaitGroup
	together.Add(many)
	var mu sync.Mutex
	failed := 0
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		first := failed < many
		failed++
		mu.Unlock()
		if first {
			together.Done()
			together.Wait()
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	var said []string
	transport := newTransport(t, registry.Config{Say: func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
	}})
	began := time.Now()
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			if _, _, err := ask(t.Context(), transport, http.MethodGet, s.URL, ""); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s, want the pause after one failure, which is a second at most", took)
	}
	host := strings.TrimPrefix(s.URL, "http://")
	if len(said) != 1 || !strings.HasPrefix(said[0], "registry "+host+": GET answered by 503 Service Unavailable; trying again in ") {
		t.Errorf("it said %q, want one line", said)
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("the user has pressed a key")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := serve(t, says(429, "", "Retry-After", "100"))
	transport := newTransport(t, registry.Config{Say: func(string) { cancel(cause) }})
	began := time.Now()
	_, _, err := ask(ctx, transport, http.MethodGet, s.URL, "")
	if !errors.Is(err, cause) || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %s, want %v at once", err, time.Since(began), cause)
	}
}

// Only who has written something looks for it more than once.
func TestWhatWasJustWrittenIsLookedForAgain(t *testing.T) {
	t.Parallel()
	missing := says(404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not yet"}]}`)
	s, c := serve(t, missing, missing, missing, good), newClock()
	transport := newTransport(t, registry.Config{Clock: c})
	url := s.URL + "/v2/app/manifests/1"
	if status, _, err := ask(t.Context(), transport, http.MethodGet, url, ""); err != nil || status != http.StatusNotFound || c.all() != 0 {
		t.Errorf("a stranger's: got %d, %v after %s, want 404 at once", status, err, c.all())
	}
	if status, _, err := ask(registry.JustWritten(t.Context()), transport, http.MethodGet, url, ""); err != nil || status != http.StatusOK {
		t.Errorf("our own: got %d, %v, want 200", status, err)
	}
	s, c = serve(t, missing), newClock()
	status, text, err := ask(registry.JustWritten(t.Context()), newTransport(t, registry.Config{Clock: c}), http.MethodGet, s.URL, "")
	if err != nil || status != http.StatusNotFound || !strings.Contains(text, "not yet") || c.all() < 5*time.Second || c.all() > time.Minute {
		t.Errorf("what never comes: got %d, %q, %v after %s, want the registry's words within a minute", status, text, err, c.all())
	}
}

func TestLimitsCanBeRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, says(429, "", "Retry-After", "100"))
	status, _, err := ask(registry.RefuseLimits(t.Context()), newTransport(t, registry.Config{}), http.MethodGet, s.URL, "")
	if err != nil || status != http.StatusTooManyRequests {
		t.Errorf("got %d, %v, want the answer as it is", status, err)
	}
}

func TestABlobThatBreaksOffIsContinued(t *testing.T) {
	t.Parallel()
	const text = "0123456789"
	stalls := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, text[:4]) // the client's test sees what arrives
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	tests := []struct {
		name string
		next []http.HandlerFunc
		want []string
	}{
		{"where it broke off", []http.HandlerFunc{breaksOff(text, text[:4]), says(206, text[4:])}, []string{"GET", "GET bytes=4-"}},
		{"where it stalled", []http.HandlerFunc{stalls, says(206, text[4:])}, []string{"GET", "GET bytes=4-"}},
		{"twice", []http.HandlerFunc{breaksOff(text, text[:4]), breaksOff(text, text[:7]), says(206, text[7:])}, []string{"GET", "GET bytes=4-", "GET bytes=7-"}},
		{"by one that gives the whole only", []http.HandlerFunc{breaksOff(text, text[:4]), says(200, text)}, []string{"GET", "GET bytes=4-"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, test.next...)
			transport := newTransport(t, registry.Config{Clock: newClock(), Stall: 300 * time.Millisecond})
			_, got, err := ask(t.Context(), transport, http.MethodGet, s.URL+"/v2/app/blobs/sha256:0", "")
			if err != nil || got != text {
				t.Errorf("got %q, %v, want the whole blob", got, err)
			}
			if got := s.requests(); strings.Join(got, ", ") != strings.Join(test.want, ", ") {
				t.Errorf("the requests were %q, want %q", got, test.want)
			}
		})
	}
}

func TestAStallEnds(t *testing.T) {
	t.Parallel()
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s := serve(t, good, silent)
	transport := newTransport(t, registry.Config{Stall: 100 * time.Millisecond, Budget: time.Nanosecond})
	if _, _, err := ask(t.Context(), transport, http.MethodGet, s.URL, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err := ask(t.Context(), transport, http.MethodGet, s.URL, "")
	if err == nil || !strings.Contains(err.Error(), "nothing came for 100ms; the time for waiting is used up") {
		t.Errorf("got %v, want a stall", err)
	}
}

// An upload that goes on for longer than a stall may last is none, as long as bytes go.
func TestASlowUploadIsNoStall(t *testing.T) {
	t.Parallel()
	s := serve(t, good)
	reader, writer := io.Pipe()
	go func() {
		for range 6 {
			select {
			case <-time.After(60 * time.Millisecond):
			case <-t.Context().Done():
			}
			_, _ = io.WriteString(writer, "x") // the server's count tells
		}
		_ = writer.Close() // never fails
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, s.URL, reader)
	if err != nil {
		t.Fatal(err)
	}
	response, err := newTransport(t, registry.Config{Stall: 200 * time.Millisecond}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // of no interest
	if got := s.requests(); got[0] != "PATCH xxxxxx" {
		t.Errorf("the registry got %q", got)
	}
}

// Not all registries say the digest, which some clients cannot do without, and which the address says, too.
func TestADigestThatIsNotSaidIsTakenFromTheAddress(t *testing.T) {
	t.Parallel()
	s := serve(t, good)
	digest := "sha256:" + strings.Repeat("0", 64)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, s.URL+"/v2/app/manifests/"+digest, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := newTransport(t, registry.Config{}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // there is none
	if got := response.Header.Get("Docker-Content-Digest"); got != digest {
		t.Errorf("the digest is %q, want %q", got, digest)
	}
}
