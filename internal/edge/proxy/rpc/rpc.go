// Package rpc understands the remote procedure calls that pass: gRPC and gRPC-Web.
//
// It follows the frames of bodies as they go by (Follower) without holding a message, and reads a call's status from
// trailers, from the head of an answer without body, or from the last frame of a gRPC-Web body. Messages are not decoded.
//
// Sources: github.com/grpc/grpc doc/PROTOCOL-HTTP2.md and doc/PROTOCOL-WEB.md.
package rpc

import (
	"bytes"
	"strconv"

	"merlon/internal/model/exchange"
)

// Media types of calls. What follows them is "+proto", "+json" and the like, or parameters.
const (
	grpcType    = "application/grpc"
	webType     = "application/grpc-web"
	webTextType = "application/grpc-web-text"
)

// Detect tells by a request's Content-Type whether it is a call. text tells that bodies are written in base64.
func Detect(contentType []byte) (p exchange.RPCProtocol, text bool) {
	switch {
	case is(contentType, webTextType):
		return exchange.GRPCWeb, true
	case is(contentType, webType):
		return exchange.GRPCWeb, false
	case is(contentType, grpcType):
		return exchange.GRPC, false
	default:
		return exchange.NoRPC, false
	}
}

func is(v []byte, kind string) bool {
	if len(v) < len(kind) || !bytes.EqualFold(v[:len(kind)], []byte(kind)) {
		return false
	}
	return len(v) == len(kind) || v[len(kind)] == '+' || v[len(kind)] == ';' || v[len(kind)] == ' '
}

// statusName is the field that holds a call's status, in head, trailers or last frame.
const statusName = "grpc-status"

// Status reads a call's status from the fields of a head or of trailers.
func Status(fields []exchange.Field) (code uint8, ok bool) {
	for i := range fields {
		f := &fields[i]
		if f.ID == exchange.HeaderOther && len(f.Name) == len(statusName) && bytes.EqualFold(f.Name, []byte(statusName)) {
			return parseStatus(f.Value)
		}
	}
	return 0, false
}

// parseStatus reads a decimal number. One that gRPC does not know is a status all the same: "unknown" to its clients.
func parseStatus(v []byte) (uint8, bool) {
	if len(v) == 0 || len(v) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range v {
		if c-'0' > 9 {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	if n > 16 {
		return exchange.RPCBeyond, true
	}
	return uint8(n), true
}

// Code is the call status with which Merlon answers where it would answer a request with the HTTP status.
func Code(status int) uint8 {
	switch {
	case status == 413 || status == 414 || status == 429 || status == 431:
		return exchange.RPCResourceExhausted
	case status == 408 || status == 504:
		return exchange.RPCDeadlineExceeded
	case status == 502 || status == 503:
		return exchange.RPCUnavailable
	case status == 403 || status == 421:
		return exchange.RPCPermissionDenied
	case status >= 500:
		return exchange.RPCInternal
	default:
		return exchange.RPCInvalidArgument
	}
}

// Digits is a status as it is written into grpc-status.
func Digits(code uint8) string { return strconv.Itoa(int(code)) }
