// The two ends of a benchmark: a tenant that has recordings, and an S3 end that discards them.
//
//	servers source FOLDER [DELAY]
//	servers sink [DELAY]
//
// Prints its loopback port and serves until it is stopped. DELAY, e.g. 30ms, passes before each answer.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(words []string) error {
	s := &server{counts: map[string]int{}}
	switch {
	case len(words) >= 2 && words[0] == "source":
		found, err := readTenant(words[1])
		if err != nil {
			return err
		}
		s.answer, words = found.answer(s), words[2:]
	case len(words) >= 1 && words[0] == "sink":
		kept := newBucket()
		s.answer, s.reset, words = kept.answer(s), kept.empty, words[1:]
	default:
		return fmt.Errorf("usage: servers source FOLDER [DELAY] | servers sink [DELAY]")
	}
	if len(words) > 0 {
		delay, err := time.ParseDuration(words[0])
		if err != nil {
			return err
		}
		s.delay = delay
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return s.serve(listener)
}
