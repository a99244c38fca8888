package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// request is the head of one request; its body is still on the connection.
type request struct {
	method, path, query string
	headers             map[string]string
	length              int64 // of the body; -1 when it is chunked
	body                *bufio.Reader
	conn                *net.TCPConn
}

// server counts what it is asked, and answers each request after a pause.
type server struct {
	delay    time.Duration
	answer   func(*request) error
	reset    func()
	mutex    sync.Mutex
	counts   map[string]int
	received atomic.Int64
	open     atomic.Int64
	peak     atomic.Int64
}

var blocks = sync.Pool{New: func() any { block := make([]byte, 1<<20); return &block }}

func (s *server) serve(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go s.converse(conn.(*net.TCPConn))
	}
}

func (s *server) converse(conn *net.TCPConn) {
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64<<10)
	for {
		asked, err := readRequest(reader, conn)
		if err != nil || s.take(asked) != nil {
			return
		}
	}
}

func (s *server) take(asked *request) error {
	now := s.open.Add(1)
	defer s.open.Add(-1)
	for peak := s.peak.Load(); now > peak && !s.peak.CompareAndSwap(peak, now); peak = s.peak.Load() {
	}
	if s.delay > 0 {
		time.Sleep(s.delay)
	}
	if asked.headers["expect"] != "" {
		if _, err := asked.conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return err
		}
	}
	switch asked.path {
	case "/-/counts":
		return reply(asked, 200, "application/json", s.told(), nil)
	case "/-/reset":
		s.mutex.Lock()
		s.counts = map[string]int{}
		s.mutex.Unlock()
		s.peak.Store(0)
		s.received.Store(0)
		if s.reset != nil {
			s.reset()
		}
		return reply(asked, 200, "", nil, nil)
	}
	return s.answer(asked)
}

func (s *server) count(kind string) {
	s.mutex.Lock()
	s.counts[kind]++
	s.mutex.Unlock()
}

func (s *server) told() []byte {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var text bytes.Buffer
	fmt.Fprintf(&text, `{"peak": %d, "received": %d, "requests": {`, s.peak.Load(), s.received.Load())
	separator := ""
	for kind, count := range s.counts {
		fmt.Fprintf(&text, "%s%q: %d", separator, kind, count)
		separator = ", "
	}
	text.WriteString("}}")
	return text.Bytes()
}

func readRequest(reader *bufio.Reader, conn *net.TCPConn) (*request, error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	words := strings.Fields(string(line))
	if len(words) != 3 {
		return nil, fmt.Errorf("not a request line: %q", line)
	}
	asked := &request{method: words[0], headers: make(map[string]string, 24), body: reader, conn: conn}
	asked.path, asked.query, _ = strings.Cut(words[1], "?")
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, _ := strings.Cut(text, ":")
		asked.headers[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	asked.length, _ = strconv.ParseInt(asked.headers["content-length"], 10, 64)
	if strings.EqualFold(asked.headers["transfer-encoding"], "chunked") {
		asked.length = -1
	}
	return asked, nil
}

// take reads the body; its first `keep` bytes are returned, the rest is dropped.
func (r *request) take(keep int) (kept []byte, size int64, err error) {
	if r.length >= 0 {
		kept, err = drain(r.body, r.conn, r.length, keep)
		return kept, r.length, err
	}
	for {
		line, err := r.body.ReadString('\n')
		if err != nil {
			return nil, 0, err
		}
		count, err := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		if err != nil {
			return nil, 0, err
		}
		if _, err = drain(r.body, r.conn, count, 0); err != nil {
			return nil, 0, err
		}
		if _, err = r.body.ReadString('\n'); err != nil || count == 0 {
			return nil, size, err
		}
		size += count
	}
}

func drain(reader *bufio.Reader, conn *net.TCPConn, count int64, keep int) ([]byte, error) {
	if count <= int64(keep) {
		kept := make([]byte, count)
		_, err := io.ReadFull(reader, kept)
		return kept, err
	}
	early := min(int64(reader.Buffered()), count)
	if _, err := reader.Discard(int(early)); err != nil {
		return nil, err
	}
	block := blocks.Get().(*[]byte)
	defer blocks.Put(block)
	for count -= early; count > 0; {
		taken, err := conn.Read((*block)[:min(count, int64(len(*block)))])
		if err != nil {
			return nil, err
		}
		count -= int64(taken)
	}
	return nil, nil
}

func reply(asked *request, status int, kind string, body []byte, headers []string) error {
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", status, reason(status), len(body))
	if kind != "" {
		fmt.Fprintf(&head, "Content-Type: %s\r\n", kind)
	}
	for _, header := range headers {
		head.WriteString(header)
		head.WriteString("\r\n")
	}
	head.WriteString("\r\n")
	if asked.method != "HEAD" {
		head.Write(body)
	}
	_, err := asked.conn.Write(head.Bytes())
	return err
}

func reason(status int) string {
	switch status {
	case 200:
		return "OK"
	case 204:
		return "No Content"
	case 206:
		return "Partial Content"
	case 401:
		return "Unauthorized"
	case 412:
		return "Precondition Failed"
	case 416:
		return "Range Not Satisfiable"
	}
	return "Not Found"
}
