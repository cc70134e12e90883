package otlp

import (
	"encoding/binary"
	stdjson "encoding/json"
	"strconv"
)

// A small writer of both encodings, so that every test sends both.

type kv struct {
	key   string
	value any // string, int, []string, bool, []kv
}

type item struct {
	kind       int
	start, end int64
	attributes []kv
	body       any
}

type resource struct {
	attributes []kv
	items      []item
	last       bool // the resource stands behind its records
}

func tag(b []byte, id, kind uint64) []byte { return binary.AppendUvarint(b, id<<3|kind) }

func bytesField(b []byte, id uint64, v []byte) []byte {
	return append(binary.AppendUvarint(tag(b, id, typeBytes), uint64(len(v))), v...)
}

func protoAny(v any) (b []byte) {
	switch v := v.(type) {
	case string:
		return bytesField(nil, 1, []byte(v))
	case bool:
		return append(tag(nil, 2, typeVarint), 1)
	case int:
		return binary.AppendUvarint(tag(nil, 3, typeVarint), uint64(v))
	case []string:
		var list []byte
		for _, e := range v {
			list = bytesField(list, 1, protoAny(e))
		}
		return bytesField(nil, 5, list)
	case []kv:
		var list []byte
		for _, e := range v {
			list = bytesField(list, 1, protoKV(e))
		}
		return bytesField(nil, 6, list)
	}
	return nil
}

func protoKV(a kv) []byte {
	return bytesField(bytesField(nil, 1, []byte(a.key)), 2, protoAny(a.value))
}

func protoBody(what signal, resources []resource) (out []byte) {
	for _, r := range resources {
		var about, records []byte
		for _, a := range r.attributes {
			about = bytesField(about, 1, protoKV(a))
		}
		for _, it := range r.items {
			var b []byte
			fixed := func(id uint64, v int64) {
				b = binary.LittleEndian.AppendUint64(tag(b, id, typeFixed64), uint64(v))
			}
			list := uint64(9)
			if what == logs {
				list = 6
				fixed(1, it.start)
				fixed(11, it.end)
				b = bytesField(b, 5, protoAny(it.body))
				b = bytesField(b, 9, make([]byte, 16)) // trace_id: not an attribute here
			} else {
				b = bytesField(b, 1, make([]byte, 16))
				b = bytesField(b, 5, []byte("GET /name"))
				b = binary.AppendUvarint(tag(b, 6, typeVarint), uint64(it.kind))
				fixed(7, it.start)
				fixed(8, it.end)
			}
			for _, a := range it.attributes {
				b = bytesField(b, list, protoKV(a))
			}
			b = bytesField(b, 15, nil)
			records = bytesField(records, 2, b)
		}
		scope := bytesField(nil, 1, bytesField(nil, 1, []byte("library")))
		scope = append(scope, records...)
		var res []byte
		if !r.last {
			res = bytesField(res, 1, about)
		}
		res = bytesField(res, 2, scope)
		if r.last {
			res = bytesField(res, 1, about)
		}
		out = bytesField(out, 1, res)
	}
	return out
}

type object = map[string]any

func jsonAny(v any) object {
	switch v := v.(type) {
	case string:
		return object{"stringValue": v}
	case bool:
		return object{"boolValue": v}
	case int:
		return object{"intValue": strconv.Itoa(v)}
	case []string:
		var list []object
		for _, e := range v {
			list = append(list, jsonAny(e))
		}
		return object{"arrayValue": object{"values": list}}
	case []kv:
		return object{"kvlistValue": object{"values": jsonKVs(v)}}
	}
	return object{}
}

func jsonKVs(list []kv) (out []object) {
	for _, a := range list {
		out = append(out, object{"key": a.key, "value": jsonAny(a.value)})
	}
	return out
}

func jsonBody(what signal, resources []resource) []byte {
	names := [...][3]string{{"resourceSpans", "scopeSpans", "spans"}, {"resourceLogs", "scopeLogs", "logRecords"}}[what]
	var all []stdjson.RawMessage
	for _, r := range resources {
		var records []object
		for _, it := range r.items {
			o := object{"attributes": jsonKVs(it.attributes), "traceId": "5b8efff798038103d269b633813fc60c"}
			if what == logs {
				o["timeUnixNano"], o["observedTimeUnixNano"] = strconv.FormatInt(it.start, 10), strconv.FormatInt(it.end, 10)
				o["body"] = jsonAny(it.body)
			} else {
				o["kind"] = it.kind
				o["startTimeUnixNano"], o["endTimeUnixNano"] = strconv.FormatInt(it.start, 10), strconv.FormatInt(it.end, 10)
			}
			records = append(records, o)
		}
		about, _ := stdjson.Marshal(object{"attributes": jsonKVs(r.attributes)})
		scopes, _ := stdjson.Marshal([]object{{"scope": object{"name": "library"}, names[2]: records}})
		s := `{"resource":` + string(about) + `,"` + names[1] + `":` + string(scopes) + `}`
		if r.last {
			s = `{"` + names[1] + `":` + string(scopes) + `,"resource":` + string(about) + `}`
		}
		all = append(all, stdjson.RawMessage(s))
	}
	b, _ := stdjson.Marshal(object{names[0]: all})
	return b
}
