// A client of net/http: each check prints its name and "ok", or what was wrong, as one JSON object.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"time"
)

var base string

// Every check has a client of its own, so that it begins with no connection.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.ExpectContinueTimeout = 10 * time.Second
	return &http.Client{Transport: transport, Timeout: 15 * time.Second}
}

// finish reads the body to its end, which is what gives the connection back.
func finish(response *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func want(what string, got, wanted any) error {
	if got != wanted {
		return fmt.Errorf("%s: got %v, want %v", what, got, wanted)
	}
	return nil
}

func onlyReader(text string) io.Reader { return struct{ io.Reader }{strings.NewReader(text)} }

func reuse() error {
	client, reused := newClient(), 0
	for range 5 {
		request, _ := http.NewRequest("GET", base+"/hello", nil)
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			if info.Reused {
				reused++
			}
		}}
		body, err := finish(client.Do(request.WithContext(httptrace.WithClientTrace(context.Background(), trace))))
		if err != nil || body != "hello\n" {
			return fmt.Errorf("%q, %v", body, err)
		}
	}
	return want("requests on a used connection", reused, 4)
}

func reuseInParallel() error {
	client := newClient()
	transport := client.Transport.(*http.Transport)
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = 4, 4
	var lock sync.Mutex
	peers, failures := map[string]bool{}, []error{}
	var all sync.WaitGroup
	for range 40 {
		all.Add(1)
		go func() {
			defer all.Done()
			peer, err := finish(client.Get(base + "/peer"))
			lock.Lock()
			defer lock.Unlock()
			peers[peer] = true
			failures = append(failures, err)
		}()
	}
	all.Wait()
	if len(peers) > 4 {
		return fmt.Errorf("%d connections for 40 requests, 4 allowed", len(peers))
	}
	return errors.Join(failures...)
}

func informational() error {
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, " ", header.Get("Link")))
		return nil
	}}
	request, _ := http.NewRequest("GET", base+"/hints", nil)
	body, err := finish(newClient().Do(request.WithContext(httptrace.WithClientTrace(context.Background(), trace))))
	if err != nil {
		return err
	}
	return errors.Join(
		want("interim", strings.Join(hints, ", "), "103 </style.css>; rel=preload"),
		want("body", body, "the page\n"),
	)
}

func trailers() error {
	response, err := newClient().Get(base + "/trailers")
	if err != nil {
		return err
	}
	_, announced := response.Trailer["Sum"]
	body, err := finish(response, nil)
	return errors.Join(err, want("announced", announced, true), want("body", body, "summed\n"),
		want("trailer", response.Trailer.Get("Sum"), "42"))
}

type received struct {
	Size, Length int
	Trailers     map[string]string
	Peer         string
}

func requestTrailers() error {
	request, _ := http.NewRequest("POST", base+"/received", onlyReader("body"))
	request.Trailer = http.Header{"Checksum": {"17"}}
	body, err := finish(newClient().Do(request))
	var got received
	return errors.Join(err, json.Unmarshal([]byte(body), &got), want("size", got.Size, 4),
		want("length", got.Length, -1), want("trailer", got.Trailers["Checksum"], "17"))
}

func expectContinue() error {
	waited, continued := false, false
	trace := &httptrace.ClientTrace{
		Wait100Continue: func() { waited = true },
		Got100Continue:  func() { continued = true },
	}
	request, _ := http.NewRequest("POST", base+"/echo", strings.NewReader("the body"))
	request.Header.Set("Expect", "100-continue")
	body, err := finish(newClient().Do(request.WithContext(httptrace.WithClientTrace(context.Background(), trace))))
	return errors.Join(err, want("waited", waited, true), want("continued", continued, true), want("body", body, "the body"))
}

func expectRefused() error {
	sent := false
	reader := readerFunc(func(p []byte) (int, error) { sent = true; return 0, io.EOF })
	request, _ := http.NewRequest("POST", base+"/refuse", reader)
	request.Header.Set("Expect", "100-continue")
	response, err := newClient().Do(request)
	body, err := finish(response, err)
	if err != nil {
		return err
	}
	return errors.Join(want("status", response.StatusCode, 413), want("body", body, "too much\n"), want("body sent", sent, false))
}

type readerFunc func([]byte) (int, error)

func (read readerFunc) Read(p []byte) (int, error) { return read(p) }

// A connection whose request body was small and unread is used again.
func unreadBody() error {
	client, peers := newClient(), map[string]bool{}
	for range 3 {
		if _, err := finish(client.Post(base+"/refuse", "text/plain", strings.NewReader("small"))); err != nil {
			return err
		}
		peer, err := finish(client.Get(base + "/peer"))
		if err != nil {
			return err
		}
		peers[peer] = true
	}
	return want("connections", len(peers), 1)
}

func bigBodies() error {
	client := newClient()
	body, err := finish(client.Post(base+"/echo", "text/plain", onlyReader(strings.Repeat("x", 4<<20))))
	return errors.Join(err, want("echoed", len(body), 4<<20))
}

func head() error {
	client := newClient()
	for range 2 {
		response, err := client.Head(base + "/hello")
		if err != nil {
			return err
		}
		body, err := finish(response, nil)
		if err := errors.Join(err, want("length", response.ContentLength, int64(6)), want("body", body, "")); err != nil {
			return err
		}
	}
	return nil
}

func redirected() error {
	body, err := finish(newClient().Post(base+"/moved", "text/plain", strings.NewReader("again")))
	return errors.Join(err, want("body", body, "again"))
}

// Leaving in the middle of a body costs that connection, and nothing else.
func cancelled() error {
	client := newClient()
	ctx, cancel := context.WithCancel(context.Background())
	request, _ := http.NewRequestWithContext(ctx, "GET", base+"/big?mib=64", nil)
	response, err := client.Do(request)
	if err != nil {
		cancel()
		return err
	}
	_, err = io.ReadFull(response.Body, make([]byte, 1000))
	cancel()
	response.Body.Close()
	body, again := finish(client.Get(base + "/hello"))
	return errors.Join(err, again, want("body", body, "hello\n"))
}

func unixSocket() error {
	client := newClient()
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", os.Args[2])
	}
	body, err := finish(client.Get("http://socket/hello"))
	return errors.Join(err, want("body", body, "hello\n"))
}

func overTLS() error {
	pem, err := os.ReadFile(os.Args[4])
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := newClient()
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	peers := map[string]bool{}
	for range 3 {
		response, err := client.Get(os.Args[3] + "/peer")
		peer, err := finish(response, err)
		if err != nil {
			return err
		}
		if err := want("TLS version", response.TLS.Version, uint16(tls.VersionTLS13)); err != nil {
			return err
		}
		peers[peer] = true
	}
	return want("connections", len(peers), 1)
}

var checks = map[string]func() error{
	"reuse": reuse, "reuse in parallel": reuseInParallel, "1xx": informational, "trailers": trailers,
	"request trailers": requestTrailers, "expect: continued": expectContinue, "expect: refused": expectRefused,
	"unread body": unreadBody, "big bodies": bigBodies, "head": head, "redirected": redirected,
	"cancelled": cancelled, "unix socket": unixSocket, "tls": overTLS,
}

// Arguments: the URL of the server, its Unix socket, the URL with TLS, the file of its authority.
func main() {
	base = os.Args[1]
	results := map[string]string{}
	for name, check := range checks {
		results[name] = "ok"
		if err := check(); err != nil {
			results[name] = err.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(results)
}
