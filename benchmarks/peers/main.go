// The benchmark program on Go's net/http, the peer of benchmarks/apps/native.py: the same answers,
// one core (GOMAXPROCS=1).
//
// It has no timeouts because net/http has none by default; Holdfast is measured with all of its
// clocks on.
package main

import (
	"bytes"
	"flag"
	"io"
	"log"
	"net/http"
	"strconv"
)

var (
	short = []byte("Hello, World!")
	large = bytes.Repeat([]byte("x"), 1_000_000)
	chunk = bytes.Repeat([]byte("0123456789"), 10)
)

const chunks = 20

func main() {
	address := flag.String("address", "127.0.0.1:8000", "where to listen")
	certificate := flag.String("cert", "", "certificate file; with it the server speaks TLS")
	key := flag.String("key", "", "key file of the certificate")
	flag.Parse()
	server := &http.Server{Addr: *address, Handler: http.HandlerFunc(answer)}
	if *certificate != "" {
		log.Fatal(server.ListenAndServeTLS(*certificate, *key))
	}
	log.Fatal(server.ListenAndServe())
}

func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	switch r.URL.Path {
	case "/large":
		w.Header().Set("Content-Length", strconv.Itoa(len(large)))
		w.Write(large)
	case "/upload":
		received, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, strconv.FormatInt(received, 10))
	case "/chunks":
		controller := http.NewResponseController(w)
		for i := 0; i < chunks; i++ {
			w.Write(chunk)
			controller.Flush()
		}
	default:
		w.Write(short)
	}
}
