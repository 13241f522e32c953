// Plain TCP: one thread, one epoll, two system calls per answer beside the wait, which many answers
// share.
package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"syscall"
	"time"
)

type client struct {
	fd      int
	request request
	unsent  []byte // what the kernel has not taken yet
	answer  answer
	sent    time.Time
	waiting bool // for an answer
	blocked bool // epoll tells when the socket can be written
	ending  bool // the answer has come; the server must close now
}

type plain struct {
	todo    *job
	check   *checker
	epoll   int
	target  *syscall.SockaddrInet4
	clients map[int]*client
	busy    int // clients that wait for an answer
	number  int // of the next request
	tally   *tally
	buffer  []byte
	free    []*client // with a rate: clients that could send the next request
	due     time.Time // with a rate: when it is to be sent
}

func newPlain(todo *job, check *checker) (*plain, error) {
	address, err := netip.ParseAddrPort(todo.Address)
	if err != nil {
		return nil, err
	}
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	target := &syscall.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
	p := &plain{todo: todo, check: check, epoll: epoll, target: target, clients: map[int]*client{}}
	p.buffer = make([]byte, readSize)
	return p, nil
}

func runPlain(todo *job, check *checker, wait func()) error {
	p, err := newPlain(todo, check)
	if err != nil {
		return err
	}
	clients := []*client{}
	for len(clients) < todo.Connections {
		c := &client{request: newRequest(todo.Request), answer: answer{check: check}}
		if !todo.Fresh {
			if err := p.connect(c); err != nil {
				return err
			}
		}
		clients = append(clients, c)
	}
	fmt.Println("ready")
	wait()
	p.tally = newTally(todo.Seconds)
	p.due = p.tally.started
	if todo.Rate > 0 {
		p.free = clients[:todo.Active:todo.Active]
	} else {
		for _, c := range clients[:todo.Active] {
			if err := p.next(c, p.tally.started); err != nil {
				return err
			}
		}
	}
	if err := p.loop(); err != nil {
		return err
	}
	return p.tally.print()
}

// loop runs until the time is over and no answer is awaited any more.
func (p *plain) loop() error {
	events := make([]syscall.EpollEvent, 256)
	last := p.tally.deadline.Add(drainTime)
	for {
		now := time.Now()
		if now.After(p.tally.deadline) && p.busy == 0 {
			return nil
		}
		if now.After(last) {
			return fmt.Errorf("%d answers never came", p.busy)
		}
		if err := p.sendDue(now); err != nil {
			return err
		}
		if err := p.poll(events, p.patience(now)); err != nil {
			return err
		}
	}
}

func (p *plain) poll(events []syscall.EpollEvent, milliseconds int) error {
	n, err := syscall.EpollWait(p.epoll, events, milliseconds)
	if err != nil && err != syscall.EINTR {
		return err
	}
	for i := 0; i < n; i++ {
		c := p.clients[int(events[i].Fd)]
		if events[i].Events&syscall.EPOLLOUT != 0 && len(c.unsent) > 0 {
			if err := p.write(c); err != nil {
				return err
			}
		}
		if events[i].Events&^syscall.EPOLLOUT != 0 {
			if err := p.read(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// patience is how long epoll may wait: with a rate not past the next request, whose last millisecond
// is spun away.
func (p *plain) patience(now time.Time) int {
	if p.todo.Rate == 0 || now.After(p.tally.deadline) {
		return 100
	}
	return int(max(0, p.due.Sub(now)-time.Millisecond) / time.Millisecond)
}

// sendDue sends what the rate asks for. A request that finds no free client is late, and its wait
// counts.
func (p *plain) sendDue(now time.Time) error {
	if p.todo.Rate == 0 || now.After(p.tally.deadline) {
		return nil
	}
	for !p.due.After(now) && len(p.free) > 0 {
		c := p.free[0]
		p.free = p.free[1:]
		if err := p.next(c, p.due); err != nil {
			return err
		}
		p.due = p.due.Add(time.Duration(float64(time.Second) / p.todo.Rate))
	}
	return nil
}

func (p *plain) connect(c *client) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.fd = fd
	if err := syscall.Connect(fd, p.target); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.blocked = false
	p.clients[fd] = c
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
}

// next sends a client's next request, which was due at the given time.
func (p *plain) next(c *client, due time.Time) error {
	if p.todo.Fresh {
		if err := p.connect(c); err != nil {
			return err
		}
	}
	p.number++
	c.request.number(p.number)
	c.unsent = c.request.bytes
	c.sent = due
	c.waiting = true
	p.busy++
	return p.write(c)
}

func (p *plain) write(c *client) error {
	n, err := rawWrite(c.fd, c.unsent)
	if err != 0 && err != syscall.EAGAIN {
		return closed(err)
	}
	c.unsent = c.unsent[n:]
	if blocked := len(c.unsent) > 0; blocked != c.blocked {
		c.blocked = blocked
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}
		if blocked {
			event.Events |= syscall.EPOLLOUT
		}
		return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_MOD, c.fd, &event)
	}
	return nil
}

func (p *plain) read(c *client) error {
	n, errno := rawRead(c.fd, p.buffer)
	if errno == syscall.EAGAIN {
		return nil
	}
	if errno != 0 {
		return closed(errno)
	}
	if n == 0 {
		return p.ended(c)
	}
	if !c.waiting || c.ending {
		return fmt.Errorf("bytes that nobody asked for: %.80q", p.buffer[:n])
	}
	done, err := c.answer.feed(p.buffer[:n])
	if err != nil || !done {
		return err
	}
	if len(c.unsent) > 0 {
		return errors.New("answered before the request was sent")
	}
	if p.todo.Fresh {
		c.ending = true
		return nil
	}
	return p.finished(c)
}

// ended takes the server's end of the connection: right after an answer that said so, wrong otherwise.
func (p *plain) ended(c *client) error {
	if !c.ending {
		return closed(io.ErrUnexpectedEOF)
	}
	c.ending = false
	delete(p.clients, c.fd)
	if err := syscall.Close(c.fd); err != nil {
		return err
	}
	return p.finished(c)
}

// closed is a connection's end that nothing announced: the server closed or reset it.
func closed(how error) error {
	return fmt.Errorf("the server closed a connection: %w", how)
}

func (p *plain) finished(c *client) error {
	now := time.Now()
	c.waiting = false
	p.busy--
	p.tally.add(c.sent, now)
	if p.todo.Rate > 0 {
		p.free = append(p.free, c)
		return nil
	}
	if now.Before(p.tally.deadline) {
		return p.next(c, now)
	}
	return nil
}

// processorTime is what this process has used, user and system.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
