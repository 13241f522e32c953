// Idle connections: each carries one request, checked as ever, and is then kept open.
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func hold(todo *job, check *checker, wait func()) error {
	p, err := newPlain(todo, check)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	wait()
	p.tally = newTally(0) // its time is over at once: nobody sends a second request
	events := make([]syscall.EpollEvent, 16)
	for _, level := range todo.Hold {
		for p.tally.total < level {
			if err := p.holdOne(events); err != nil {
				return err
			}
		}
		fmt.Fprintf(os.Stdout, "%d\n", level)
		wait()
	}
	return nil
}

func (p *plain) holdOne(events []syscall.EpollEvent) error {
	c := &client{request: newRequest(p.todo.Request), answer: answer{check: p.check}}
	if err := p.connect(c); err != nil {
		return err
	}
	if err := p.next(c, time.Now()); err != nil {
		return err
	}
	for last := time.Now().Add(drainTime); p.busy > 0; {
		if time.Now().After(last) {
			return fmt.Errorf("connection %d was never answered", p.tally.total+1)
		}
		if err := p.poll(events, 100); err != nil {
			return err
		}
	}
	return nil
}
