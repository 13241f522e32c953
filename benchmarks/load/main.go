// The load generator: it sends prebuilt requests as fast as the answers come (or at a fixed rate)
// and checks every answer.
//
// One JSON object on standard input says what to do (see job). When all connections are up it prints
// "ready" and waits for a line, so that the caller can read the server's clocks; then it runs and
// prints one JSON object (see report). Any answer that is not the expected one ends the run with the
// reason on standard error and exit code 1: a wrong answer has no speed.
//
// Plain connections are driven by one loop over epoll (plain.go), TLS by one goroutine per
// connection (secure.go); both feed the same checker (answer.go). With "hold" it only opens
// connections and keeps them (hold.go).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// job is what the caller wants; durations are in seconds.
type job struct {
	Address     string  `json:"address"`     // host:port, an IPv4 address
	Authority   string  `json:"authority"`   // file with the certificate to trust; with it the generator speaks TLS
	Request     string  `json:"request"`     // the request's bytes; each {nnnnnnnn} becomes a number that no other request has
	Connections int     `json:"connections"` // open at the same time
	Active      int     `json:"active"`      // how many of them carry requests; 0: all
	Seconds     float64 `json:"seconds"`     // how long new requests are sent
	Rate        float64 `json:"rate"`        // requests per second over all connections; 0: the next one follows the answer
	Fresh       bool    `json:"fresh"`       // a new connection for each request; the server must close it after its answer
	Hold        []int   `json:"hold"`        // open this many connections, report, wait for a line; then the next number
	Expect      expect  `json:"expect"`
}

type report struct {
	Answered  int     `json:"answered"` // within the time
	Total     int     `json:"total"`    // with those that were in flight when the time was over
	Seconds   float64 `json:"seconds"`  // from the first request to the end of the time
	P50       float64 `json:"p50"`      // microseconds
	P95       float64 `json:"p95"`
	P99       float64 `json:"p99"`
	Processor float64 `json:"processor"` // this process's user and system time during the run, microseconds
}

// drainTime is how long answers may still come after the last request was sent.
const drainTime = 10 * time.Second

func main() {
	debug.SetGCPercent(400)
	lines := bufio.NewReader(os.Stdin)
	first, err := lines.ReadString('\n')
	if err != nil {
		fail(err)
	}
	var todo job
	if err := json.Unmarshal([]byte(first), &todo); err != nil {
		fail(err)
	}
	if todo.Active == 0 {
		todo.Active = todo.Connections
	}
	// Pipes are read by the checks of the caller only: a closed pipe means that the caller is gone, and
	// so are we.
	wait := func() {
		if _, err := lines.ReadString('\n'); err != nil {
			os.Exit(2)
		}
	}
	if err := perform(&todo, wait); err != nil {
		fail(err)
	}
}

func perform(todo *job, wait func()) error {
	check := newChecker(&todo.Expect, todo.Fresh)
	switch {
	case len(todo.Hold) > 0:
		return hold(todo, check, wait)
	case todo.Authority != "":
		return runSecure(todo, check, wait)
	default:
		return runPlain(todo, check, wait)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// tally collects one run's figures.
type tally struct {
	started   time.Time
	deadline  time.Time
	processor time.Duration
	answered  int
	total     int
	took      []uint32 // microseconds of each answer within the time
}

func newTally(seconds float64) *tally {
	now := time.Now()
	deadline := now.Add(time.Duration(seconds * float64(time.Second)))
	return &tally{started: now, deadline: deadline, processor: processorTime(), took: make([]uint32, 0, 1<<20)}
}

func (t *tally) add(sent, now time.Time) {
	t.total++
	if now.Before(t.deadline) {
		t.answered++
		t.took = append(t.took, uint32(now.Sub(sent).Microseconds()))
	}
}

func (t *tally) print() error {
	slices.Sort(t.took)
	at := func(share float64) float64 {
		if len(t.took) == 0 {
			return 0
		}
		return float64(t.took[int(share*float64(len(t.took)-1))])
	}
	return json.NewEncoder(os.Stdout).Encode(report{
		Answered:  t.answered,
		Total:     t.total,
		Seconds:   t.deadline.Sub(t.started).Seconds(),
		P50:       at(0.50),
		P95:       at(0.95),
		P99:       at(0.99),
		Processor: float64((processorTime() - t.processor).Microseconds()),
	})
}

// request is one connection's copy of the prebuilt bytes, with the places of its numbers.
type request struct {
	bytes  []byte
	places []int
}

const place = "{nnnnnnnn}"

func newRequest(text string) request {
	made := request{bytes: []byte(text)}
	for from := 0; ; {
		at := strings.Index(text[from:], place)
		if at < 0 {
			return made
		}
		made.places = append(made.places, from+at)
		from += at + len(place)
	}
}

// number writes n, in as many digits as the place is wide, so that no length changes.
func (r *request) number(n int) {
	for _, start := range r.places {
		rest := n
		for at := start + len(place) - 1; at >= start; at-- {
			r.bytes[at] = byte('0' + rest%10)
			rest /= 10
		}
	}
}
