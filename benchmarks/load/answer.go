// What a right answer is. The head of the first answer is parsed and checked whole; a later head
// that is the same to the byte is right for the same reason, and a head that differs (the second has
// changed) is parsed again. Bodies are compared to the byte, always.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type expect struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`   // one piece of it
	Repeat      int    `json:"repeat"` // how often the piece comes
	Chunks      int    `json:"chunks"` // how many chunks; 0: a Content-Length
}

// checker is what all connections of a run share.
type checker struct {
	want   *expect
	length int    // of the whole body
	window []byte // as many of the body's pieces as a read and one piece more: small enough to stay in the processor's cache
	close  bool   // the answer must say that the connection closes
	known  []byte // the last head that was found right
}

func newChecker(want *expect, close bool) *checker {
	piece, repeat := []byte(want.Body), max(1, want.Repeat)
	window := bytes.Repeat(piece, min(repeat, readSize/max(1, len(piece))+2))
	return &checker{want: want, length: len(piece) * repeat, window: window, close: close}
}

const (
	readSize  = 1 << 16
	dateSlack = 5 * time.Second
)

func (c *checker) checkHead(head []byte) error {
	lines := strings.Split(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n")
	if !strings.HasPrefix(lines[0], fmt.Sprintf("HTTP/1.1 %d ", c.want.Status)) {
		return fmt.Errorf("status line %q", lines[0])
	}
	fields := http.Header{}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found {
			return fmt.Errorf("header line %q", line)
		}
		fields.Add(name, strings.TrimSpace(value))
	}
	if err := c.checkFields(fields); err != nil {
		return fmt.Errorf("%w in the head %q", err, head)
	}
	c.known = append(c.known[:0], head...)
	return nil
}

func (c *checker) checkFields(fields http.Header) error {
	date, err := http.ParseTime(fields.Get("Date"))
	if err != nil || time.Since(date).Abs() > dateSlack {
		return errors.New("no Date, or not the date of today")
	}
	if kind, _, _ := strings.Cut(fields.Get("Content-Type"), ";"); kind != c.want.ContentType {
		return errors.New("wrong Content-Type")
	}
	if closing := strings.EqualFold(fields.Get("Connection"), "close"); closing != c.close {
		return errors.New("wrong Connection")
	}
	if c.want.Chunks > 0 {
		if fields.Get("Transfer-Encoding") != "chunked" || fields.Get("Content-Length") != "" {
			return errors.New("not chunked")
		}
	} else if fields.Get("Content-Length") != strconv.Itoa(c.length) {
		return errors.New("wrong Content-Length")
	}
	return nil
}

// from is the expected body from that byte on: at least one read of it, or all there is.
func (c *checker) from(at int) []byte {
	return c.window[at%len(c.want.Body):]
}

// answer follows one response through the pieces in which it comes.
type answer struct {
	check  *checker
	line   []byte // the part of a head or a chunk's line that has come
	at     int    // where we are in the body
	left   int    // bytes left in the chunk
	chunks int
	in     part
}

type part int

const (
	inHead part = iota
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
)

// feed takes what was read and says whether the answer is now complete.
func (a *answer) feed(data []byte) (bool, error) {
	if a.in == inHead && len(a.line) == 0 && len(a.check.known) > 0 && bytes.HasPrefix(data, a.check.known) {
		data = data[len(a.check.known):]
		a.begin()
	}
	for len(data) > 0 || a.in == inBody {
		done, rest, err := a.step(data)
		if err != nil {
			return false, err
		}
		if done {
			if len(rest) > 0 {
				return false, fmt.Errorf("%d bytes after the answer: %.80q", len(rest), rest)
			}
			*a = answer{check: a.check, line: a.line[:0]}
			return true, nil
		}
		if data = rest; len(data) == 0 {
			break
		}
	}
	return false, nil
}

func (a *answer) begin() {
	a.line = a.line[:0]
	a.in = inBody
	if a.check.want.Chunks > 0 {
		a.in = inChunkSize
	}
}

func (a *answer) step(data []byte) (done bool, rest []byte, err error) {
	switch a.in {
	case inHead:
		return a.stepHead(data)
	case inBody:
		rest, err = a.compare(data, a.check.length-a.at)
		return a.at == a.check.length, rest, err
	case inChunk:
		before := a.at
		rest, err = a.compare(data, a.left)
		if a.left -= a.at - before; a.left == 0 {
			a.in = inChunkEnd
		}
		return false, rest, err
	default:
		return a.stepLine(data)
	}
}

func (a *answer) stepHead(data []byte) (bool, []byte, error) {
	had := len(a.line)
	a.line = append(a.line, data...)
	end := bytes.Index(a.line, []byte("\r\n\r\n"))
	if end < 0 {
		if len(a.line) > 16_384 {
			return false, nil, fmt.Errorf("an endless head: %.200q", a.line)
		}
		return false, nil, nil
	}
	end += 4
	if err := a.check.checkHead(a.line[:end]); err != nil {
		return false, nil, err
	}
	a.begin()
	rest := data[end-had:]
	return a.in == inBody && a.check.length == 0, rest, nil
}

// compare checks up to limit bytes against the body and returns what is left of data.
func (a *answer) compare(data []byte, limit int) ([]byte, error) {
	n := min(len(data), limit)
	if n > a.check.length-a.at || n > 0 && !bytes.Equal(data[:n], a.check.from(a.at)[:n]) {
		return nil, fmt.Errorf("wrong body at byte %d: %.80q", a.at, data)
	}
	a.at += n
	return data[n:], nil
}

// stepLine reads a line of the chunked framing: a size, the end of a chunk, or the end of the message.
func (a *answer) stepLine(data []byte) (done bool, rest []byte, err error) {
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		a.line = append(a.line, data...)
		return false, nil, nil
	}
	a.line = append(a.line, data[:end+1]...)
	line := strings.TrimSuffix(string(a.line), "\r\n")
	a.line = a.line[:0]
	switch a.in {
	case inChunkSize:
		size, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return false, nil, fmt.Errorf("chunk size %q", line)
		}
		if a.left = int(size); a.left > 0 {
			a.chunks++
			a.in = inChunk
			break
		}
		if a.chunks != a.check.want.Chunks || a.at != a.check.length {
			return false, nil, fmt.Errorf("%d chunks with %d bytes", a.chunks, a.at)
		}
		a.in = inTrailer
	case inChunkEnd:
		if line != "" {
			return false, nil, fmt.Errorf("%q at the end of a chunk", line)
		}
		a.in = inChunkSize
	case inTrailer:
		if line != "" {
			return false, nil, fmt.Errorf("trailer %q", line)
		}
		return true, data[end+1:], nil
	}
	return false, data[end+1:], nil
}
