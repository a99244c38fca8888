package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tenant answers as a `recording-v2` tenant does. The recordings NAME_0, NAME_1, … are all the file NAME of its folder;
// NAME.json is their metadata with the id left out, NAME.signatures the HMAC of each range that is asked for.
type tenant struct {
	folder string
	medias map[string]*media
}

type media struct {
	path, kind, metadata string
	size                 int64
	signatures           map[string]string
}

const (
	tokenBody = `{"access_token": "benchmark", "token_type": "bearer", "expires_in": 3600}`
	apiPath   = "/api/v2/recording/"
)

func readTenant(folder string) (*tenant, error) {
	found := &tenant{folder: folder, medias: map[string]*media{}}
	described, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range described {
		one, err := readMedia(strings.TrimSuffix(path, ".json"))
		if err != nil {
			return nil, err
		}
		found.medias[filepath.Base(one.path)] = one
	}
	return found, nil
}

func readMedia(path string) (*media, error) {
	metadata, err := os.ReadFile(path + ".json")
	if err != nil {
		return nil, err
	}
	state, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	one := &media{path: path, metadata: strings.TrimSpace(string(metadata)), size: state.Size(), kind: "audio/wav"}
	if strings.Contains(one.metadata, `"mp3"`) {
		one.kind = "audio/mpeg"
	}
	one.signatures = map[string]string{}
	signatures, err := os.Open(path + ".signatures")
	if err != nil {
		return one, nil // an unsigned tenant
	}
	defer signatures.Close()
	for lines := bufio.NewScanner(signatures); lines.Scan(); {
		span, signature, _ := strings.Cut(lines.Text(), " ")
		one.signatures[span] = signature
	}
	return one, nil
}

func (t *tenant) answer(s *server) func(*request) error {
	return func(asked *request) error {
		if _, _, err := asked.take(0); err != nil {
			return err
		}
		if asked.path == "/oauth/token" {
			s.count("token")
			return reply(asked, 200, "application/json", []byte(tokenBody), nil)
		}
		id, isMedia := strings.CutPrefix(asked.path, apiPath+"download/")
		if !isMedia {
			id = strings.TrimPrefix(asked.path, apiPath)
		}
		id, _ = url.PathUnescape(id)
		name, _, _ := strings.Cut(id, "_")
		one := t.medias[name]
		if one == nil {
			return reply(asked, 404, "application/json", []byte(`{"error": "no such recording"}`), nil)
		}
		if isMedia {
			s.count("media")
			return one.send(asked)
		}
		// Media are for everybody: what rclone is told to send there, it sends to the sink as well.
		if !strings.HasPrefix(asked.headers["authorization"], "Bearer ") {
			return reply(asked, 401, "application/json", []byte(`{"error": "no token"}`), nil)
		}
		s.count("metadata")
		metadata := fmt.Sprintf(`{"id": %q, %s`, id, strings.TrimPrefix(one.metadata, "{"))
		return reply(asked, 200, "application/json", []byte(metadata), nil)
	}
}

func (m *media) send(asked *request) error {
	start, stop, status := int64(0), m.size, 200
	if span, ranged := strings.CutPrefix(asked.headers["range"], "bytes="); ranged {
		first, last, _ := strings.Cut(span, "-")
		start, _ = strconv.ParseInt(first, 10, 64)
		if end, err := strconv.ParseInt(last, 10, 64); err == nil {
			stop = min(stop, end+1)
		}
		status = 206
		if start >= m.size {
			return reply(asked, 416, "", nil, []string{fmt.Sprintf("Content-Range: bytes */%d", m.size)})
		}
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n", status, reason(status), m.kind, stop-start)
	fmt.Fprintf(&head, "ETag: \"%x\"\r\nAccept-Ranges: bytes\r\n", m.size)
	if status == 206 {
		fmt.Fprintf(&head, "Content-Range: bytes %d-%d/%d\r\n", start, stop-1, m.size)
	}
	if signature := m.signatures[fmt.Sprintf("%d-%d", start, stop-1)]; signature != "" {
		fmt.Fprintf(&head, "X-Chunk-HMAC-SHA256: %s\r\n", signature)
	}
	head.WriteString("\r\n")
	if _, err := asked.conn.Write(head.Bytes()); err != nil || asked.method == "HEAD" {
		return err
	}
	file, err := os.Open(m.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err = file.Seek(start, io.SeekStart); err != nil {
		return err
	}
	_, err = asked.conn.ReadFrom(&io.LimitedReader{R: file, N: stop - start}) // sendfile
	return err
}
