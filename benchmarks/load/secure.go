// TLS: one goroutine per connection over crypto/tls. Dearer than plain.go, and still cheaper than
// the servers, which do the same cryptography and have a request to answer beside it.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

func runSecure(todo *job, check *checker, wait func()) error {
	if todo.Fresh || todo.Rate > 0 {
		return errors.New("fresh and rate are for plain connections")
	}
	links, err := dialSecure(todo)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	wait()
	var (
		all    = newTally(todo.Seconds)
		lock   sync.Mutex // held by the one goroutine that checks and counts
		group  sync.WaitGroup
		failed error
		number int
	)
	count := func() int { number++; return number }
	for _, link := range links {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := pump(link, todo, check, all, &lock, count); err != nil {
				lock.Lock()
				failed = err
				lock.Unlock()
			}
		}()
	}
	group.Wait()
	if failed != nil {
		return failed
	}
	return all.print()
}

func dialSecure(todo *job) ([]net.Conn, error) {
	certificate, err := os.ReadFile(todo.Authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return nil, errors.New("no certificate in " + todo.Authority)
	}
	config := &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13}
	links := []net.Conn{}
	for len(links) < todo.Connections {
		link, err := tls.Dial("tcp", todo.Address, config)
		if err != nil {
			return nil, err
		}
		links = append(links, link)
	}
	return links, nil
}

// pump sends one request after the other on a connection until the time is over.
func pump(link net.Conn, todo *job, check *checker, all *tally, lock *sync.Mutex, count func() int) error {
	request := newRequest(todo.Request)
	answer := answer{check: check}
	buffer := make([]byte, readSize)
	if err := link.SetDeadline(all.deadline.Add(drainTime)); err != nil {
		return err
	}
	for sent := time.Now(); sent.Before(all.deadline); {
		lock.Lock()
		request.number(count())
		lock.Unlock()
		if _, err := link.Write(request.bytes); err != nil {
			return err
		}
		for done := false; !done; {
			n, err := link.Read(buffer)
			if err != nil {
				return err
			}
			lock.Lock()
			done, err = answer.feed(buffer[:n])
			lock.Unlock()
			if err != nil {
				return err
			}
		}
		now := time.Now()
		lock.Lock()
		all.add(sent, now)
		lock.Unlock()
		sent = now
	}
	return nil
}
