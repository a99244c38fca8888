package main

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// bucket takes everything and keeps nothing but sizes and small documents. It answers as S3 does, conditions and
// multipart uploads included; it checks no signature and no digest.
type bucket struct {
	mutex   sync.Mutex
	objects map[string]object
	uploads map[string]*upload
	serial  atomic.Int64
}

type object struct {
	size int64
	etag string
	body []byte
}

type upload struct {
	key      string
	sizes    map[string]int64
	checksum bool
}

const keptBytes = 64 << 10

func newBucket() *bucket {
	return &bucket{objects: map[string]object{}, uploads: map[string]*upload{}}
}

func (b *bucket) answer(s *server) func(*request) error {
	return func(asked *request) error {
		query, err := url.ParseQuery(asked.query)
		if err != nil {
			return err
		}
		kept, size, err := asked.take(keptBytes)
		if err != nil {
			return err
		}
		s.received.Add(size)
		kind, answer := b.route(asked, query)
		s.count(kind)
		return answer(asked, query, kept, size)
	}
}

func (b *bucket) empty() {
	b.mutex.Lock()
	b.objects, b.uploads = map[string]object{}, map[string]*upload{}
	b.mutex.Unlock()
}

type handler func(*request, url.Values, []byte, int64) error

func (b *bucket) route(asked *request, query url.Values) (string, handler) {
	isBucket := strings.Count(strings.Trim(asked.path, "/"), "/") == 0
	switch {
	case asked.method == "PUT" && query.Has("partNumber"):
		return "UploadPart", b.putPart
	case asked.method == "PUT":
		return "PutObject", b.put
	case asked.method == "POST" && query.Has("uploads"):
		return "CreateMultipartUpload", b.create
	case asked.method == "POST":
		return "CompleteMultipartUpload", b.complete
	case asked.method == "DELETE":
		return "Delete", b.remove
	case query.Has("uploadId"):
		return "ListParts", b.listParts
	case asked.method == "HEAD" && isBucket:
		return "HeadBucket", func(asked *request, _ url.Values, _ []byte, _ int64) error {
			return reply(asked, 200, "", nil, nil)
		}
	case isBucket:
		return "List", b.list
	case asked.method == "HEAD":
		return "HeadObject", b.get
	}
	return "GetObject", b.get
}

func (b *bucket) put(asked *request, _ url.Values, kept []byte, size int64) error {
	b.mutex.Lock()
	found, there := b.objects[asked.path]
	refused := refuses(asked, found, there)
	made := object{size, b.tag(), kept}
	if !refused {
		b.objects[asked.path] = made
	}
	b.mutex.Unlock()
	if refused {
		return failure(asked, 412, "PreconditionFailed")
	}
	return reply(asked, 200, "", nil, stored(asked, made.etag))
}

func refuses(asked *request, found object, there bool) bool {
	wanted, conditional := asked.headers["if-match"]
	if conditional && (!there || found.etag != strings.Trim(wanted, `"`)) {
		return true
	}
	return there && asked.headers["if-none-match"] == "*"
}

func stored(asked *request, etag string) []string {
	headers := []string{fmt.Sprintf(`ETag: "%s"`, etag)}
	if digest := asked.headers["x-amz-checksum-sha256"]; digest != "" {
		headers = append(headers, "x-amz-checksum-sha256: "+digest)
	}
	return headers
}

func (b *bucket) tag() string {
	return fmt.Sprintf("%024x-sink", b.serial.Add(1))
}

func (b *bucket) create(asked *request, _ url.Values, _ []byte, _ int64) error {
	id := b.tag()
	b.mutex.Lock()
	b.uploads[id] = &upload{asked.path, map[string]int64{}, asked.headers["x-amz-checksum-algorithm"] != ""}
	b.mutex.Unlock()
	name, key := named(asked.path)
	body := fmt.Sprintf("<InitiateMultipartUploadResult><Bucket>%s</Bucket><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>", name, key, id)
	return reply(asked, 200, "application/xml", []byte(body), nil)
}

func named(path string) (string, string) {
	name, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return name, key
}

func (b *bucket) putPart(asked *request, query url.Values, _ []byte, size int64) error {
	b.mutex.Lock()
	open := b.uploads[query.Get("uploadId")]
	if open != nil {
		open.sizes[query.Get("partNumber")] = size
	}
	b.mutex.Unlock()
	if open == nil {
		return failure(asked, 404, "NoSuchUpload")
	}
	return reply(asked, 200, "", nil, stored(asked, b.tag()))
}

func (b *bucket) complete(asked *request, query url.Values, _ []byte, _ int64) error {
	b.mutex.Lock()
	open := b.uploads[query.Get("uploadId")]
	_, there := b.objects[asked.path]
	refused := there && asked.headers["if-none-match"] == "*"
	made := object{etag: b.tag()}
	if open != nil && !refused {
		for _, size := range open.sizes {
			made.size += size
		}
		b.objects[asked.path] = made
		delete(b.uploads, query.Get("uploadId"))
	}
	b.mutex.Unlock()
	if open == nil {
		return failure(asked, 404, "NoSuchUpload")
	}
	if refused {
		return failure(asked, 412, "PreconditionFailed")
	}
	name, key := named(asked.path)
	body := fmt.Sprintf("<CompleteMultipartUploadResult><Location>%s</Location><Bucket>%s</Bucket><Key>%s</Key><ETag>&quot;%s&quot;</ETag></CompleteMultipartUploadResult>", asked.path, name, key, made.etag)
	return reply(asked, 200, "application/xml", []byte(body), nil)
}

func (b *bucket) remove(asked *request, query url.Values, _ []byte, _ int64) error {
	b.mutex.Lock()
	delete(b.uploads, query.Get("uploadId"))
	b.mutex.Unlock()
	return reply(asked, 204, "", nil, nil)
}

func (b *bucket) listParts(asked *request, query url.Values, _ []byte, _ int64) error {
	b.mutex.Lock()
	open := b.uploads[query.Get("uploadId")]
	b.mutex.Unlock()
	if open == nil {
		return failure(asked, 404, "NoSuchUpload")
	}
	algorithm := ""
	if open.checksum {
		algorithm = "<ChecksumAlgorithm>SHA256</ChecksumAlgorithm>"
	}
	body := "<ListPartsResult><IsTruncated>false</IsTruncated>" + algorithm + "</ListPartsResult>"
	return reply(asked, 200, "application/xml", []byte(body), nil)
}

func (b *bucket) list(asked *request, _ url.Values, _ []byte, _ int64) error {
	body := "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
	return reply(asked, 200, "application/xml", []byte(body), nil)
}

func (b *bucket) get(asked *request, _ url.Values, _ []byte, _ int64) error {
	b.mutex.Lock()
	found, there := b.objects[asked.path]
	b.mutex.Unlock()
	if !there || (asked.method == "GET" && int64(len(found.body)) != found.size) {
		return failure(asked, 404, "NoSuchKey")
	}
	headers := []string{fmt.Sprintf(`ETag: "%s"`, found.etag), "Last-Modified: Mon, 23 Nov 2026 06:00:00 GMT"}
	if asked.method == "HEAD" {
		return head(asked, found.size, headers)
	}
	return reply(asked, 200, "application/octet-stream", found.body, headers)
}

func head(asked *request, size int64, headers []string) error {
	text := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n\r\n", size, strings.Join(headers, "\r\n"))
	_, err := asked.conn.Write([]byte(text))
	return err
}

func failure(asked *request, status int, code string) error {
	body := fmt.Sprintf("<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
	return reply(asked, status, "application/xml", []byte(body), nil)
}
