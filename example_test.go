package merlon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"merlon"
)

// A guard without a data directory judges by policy and descriptions and keeps nothing.
func Example() {
	var events bytes.Buffer
	guard, err := merlon.New(merlon.Options{
		Site:       "shop",
		PolicyText: []byte(`{version: 1, lists: [{name: abusers, kind: address, values: [203.0.113.0/24], action: block}]}`),
		Events:     &events,
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "order %s", r.PathValue("id"))
	})
	handler := guard.Wrap(mux)

	for _, client := range []string{"198.51.100.7:40000", "203.0.113.9:40000"} {
		r := httptest.NewRequest("GET", "/orders/7", nil)
		r.RemoteAddr = client
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}

	if err := guard.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	for line := range bytes.Lines(events.Bytes()) {
		var e struct{ Address, Action, Rule string }
		_ = json.Unmarshal(line, &e)
		fmt.Printf("%s: %s %q\n", e.Address, e.Action, e.Rule)
	}
	// Output:
	// 200 text/plain; charset=utf-8
	// 403 application/problem+json
	// 198.51.100.7: allow ""
	// 203.0.113.9: block "list:abusers"
}

// With a data directory the guard learns as the gateway does. The server ends first, then the guard.
func ExampleNew() {
	guard, err := merlon.New(merlon.Options{Site: "shop", Policy: "policy.yaml", Specs: []string{"openapi.yaml"}, Data: "merlon-data"})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: ":8080", Handler: guard.Wrap(http.DefaultServeMux), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
		}
	}()

	// ... until the program is told to stop:
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
	_ = guard.Close(ctx)
}

// New lists every mistake at once.
func ExampleNew_mistakes() {
	_, err := merlon.New(merlon.Options{PolicyText: []byte(`{version: 1, rules: [{name: a, when: 'true', action: shout}], modes: {wire: loud}}`)})
	fmt.Println(errors.Is(err, merlon.ErrOptions))
	for _, line := range strings.Split(err.Error(), "\n") {
		if strings.Contains(line, "shout") || strings.Contains(line, "loud") {
			fmt.Println("named")
		}
	}
	// Output:
	// true
	// named
	// named
}

// A body reaches the handler whole, though its beginning was looked at.
func ExampleGuard_Wrap() {
	guard, err := merlon.New(merlon.Options{InspectRequest: 4})
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close(context.Background())
	handler := guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "/echo", strings.NewReader("longer than four bytes")))
	fmt.Println(w.Body)
	// Output:
	// longer than four bytes
}
