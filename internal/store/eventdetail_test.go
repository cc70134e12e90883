package store

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

func fullDetail() EventDetail {
	d := EventDetail{
		Observed: exchange.SawAll, Outcome: event.OutcomeRefused, Phase: event.Close, RequestBody: exchange.BodyJSON, ResponseBody: exchange.BodyForm, RequestWalked: true,
		RequestBytes: 300, ResponseBytes: 1 << 30, AddedMicros: 41, Credentials: identity.Credentials(0).With(identity.Bearer), Principal: identity.Principal{Token: 1 << 60, Strength: identity.Verified, Carrier: identity.MTLS},
		Session: identity.Session{Token: 9, Issued: true}, Link: event.Link{Before: identity.Actor{Token: 1}, After: identity.Actor{Kind: identity.ActorSession, Token: 2}}, Knowledge: 400,
		RPC: exchange.RPC{Protocol: exchange.GRPC, Known: true, Status: 7, Requests: 3, Responses: 4}, OwnStatus: 403,
	}
	d.Anomalies.Add(exchange.AnomalyCLTE)
	return d
}

func TestEventDetailReadsBack(t *testing.T) {
	for name, d := range map[string]EventDetail{"none": {}, "little": {Observed: exchange.SawStatus}, "full": fullDetail()} {
		var back EventDetail
		if err := back.DecodeBinary(d.AppendBinary(nil)); err != nil || back != d {
			t.Errorf("%s: %+v, %v", name, back, err)
		}
	}
	d := fullDetail()
	whole := d.AppendBinary(nil)
	for n := 1; n < len(whole); n++ {
		var back EventDetail
		if err := back.DecodeBinary(whole[:n]); !errors.Is(err, ErrDamaged) || back != (EventDetail{}) {
			t.Fatalf("%d bytes of it: %v", n, err)
		}
	}
	var back EventDetail
	if err := back.DecodeBinary([]byte{99, 0}); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
}

func TestShapeReadsBack(t *testing.T) {
	s := Shape{
		{Part: exchange.InPath, Kind: exchange.KindString, Parent: -1, Classes: 1},
		{Part: exchange.InBody, Kind: exchange.KindObject, Parent: -1},
		{Part: exchange.InBody, Kind: exchange.KindString, Name: "password", Parent: 1, Secret: true},
		{Part: exchange.InBody, Kind: exchange.KindArray, Name: "<i>", Parent: 1},
		{Part: exchange.InBody, Kind: exchange.KindNumber, Parent: 3, Classes: 1 << 44},
	}
	back, err := DecodeShape(s.AppendBinary(nil))
	if err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("%+v, %v", back, err)
	}
	whole := s.AppendBinary(nil)
	for n := 1; n < len(whole); n++ {
		if _, err := DecodeShape(whole[:n]); err == nil {
			t.Fatalf("%d bytes of it are a shape", n)
		}
	}
}

// TestShapeIsBounded: a caller chooses how many members a body has, and how they are called.
func TestShapeIsBounded(t *testing.T) {
	e := &event.Event{}
	for i := range 1000 {
		e.Observations = append(e.Observations, event.Observation{Part: exchange.InBody, Kind: exchange.KindString, Parent: -1, Name: e.Append(bytes.Repeat([]byte{byte('a' + i%26)}, 60)), Loc: uint64(i)})
	}
	s := shapeOf(e)
	if b := s.AppendBinary(nil); len(s) == 0 || len(s) > maxPlaces || len(b) > maxShape+len(s)*16 {
		t.Errorf("%d places, %d bytes", len(s), len(b))
	}
	// Elements of a list are alike: the first one stands for all.
	e = &event.Event{Observations: []event.Observation{
		{Part: exchange.InBody, Kind: exchange.KindArray, Parent: -1, Loc: 1},
		{Part: exchange.InBody, Kind: exchange.KindObject, Parent: 0, Loc: 2},
		{Part: exchange.InBody, Kind: exchange.KindString, Parent: 1, Loc: 3},
		{Part: exchange.InBody, Kind: exchange.KindObject, Parent: 0, Loc: 2, Same: 2},
		{Part: exchange.InBody, Kind: exchange.KindString, Parent: 3, Loc: 3, Same: 2},
	}}
	if s := shapeOf(e); len(s) != 3 {
		t.Errorf("%+v", s)
	}
}

func FuzzEventDetail(f *testing.F) {
	d := fullDetail()
	f.Add(d.AppendBinary(nil), Shape{{Part: exchange.InBody, Kind: exchange.KindObject, Parent: -1}}.AppendBinary(nil))
	f.Fuzz(func(t *testing.T, b, shape []byte) {
		var d, again EventDetail
		if d.DecodeBinary(b) == nil && len(b) > 0 {
			if err := again.DecodeBinary(d.AppendBinary(nil)); err != nil || again != d {
				t.Fatalf("%+v reads back as %+v, %v", d, again, err)
			}
		}
		if s, err := DecodeShape(shape); err == nil && len(s) > 0 {
			back, err := DecodeShape(s.AppendBinary(nil))
			if err != nil || !reflect.DeepEqual(back, s) {
				t.Fatal(err)
			}
			for i := range s {
				if s[i].Parent >= i || s[i].Parent < -1 {
					t.Fatal("a place stands in a later one")
				}
			}
		}
	})
}

func BenchmarkEventDetail(b *testing.B) {
	d := EventDetail{
		Observed: exchange.SawAll, ResponseBody: exchange.BodyJSON, ResponseWalked: true, RequestBytes: 0, ResponseBytes: 1840, AddedMicros: 41, Credentials: 1,
		Principal: identity.Principal{Token: 1 << 60, Strength: identity.Accepted}, Knowledge: 412,
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = d.AppendBinary(dst[:0])
	}
	b.ReportMetric(float64(len(dst)), "bytes/event")
}
