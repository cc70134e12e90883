package journal

import (
	"encoding/binary"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/identity"
)

// sampler chooses whole actors: those whose keyed hash of fingerprint and network falls below the share. The key keeps an
// attacker from working out how not to be kept.
//
// A session or principal is judged when it is first seen, by the fingerprint and network it starts from, or by whom it was
// before it signed in (event.Link), and keeps that judgement when its network changes. Judgements live in two generations,
// so memory is bounded and an actor at work is not forgotten; after a restart they are made anew, which gives the same
// answer for everybody who has not moved.
type sampler struct {
	key      dataclass.Key
	below    uint64 // the hash must be under it; 0 keeps everything
	new, old map[identity.Actor]bool
}

// maxJudged bounds one generation: 32 bytes an entry, 2 MiB in all.
const maxJudged = 32 << 10

func newSampler(key [32]byte, oneIn uint64) *sampler {
	s := &sampler{}
	// Not the key itself: what is derived here must not help against tokens keyed with it.
	binary.LittleEndian.PutUint64(s.key[:8], dataclass.Key(key[:16]).Token([]byte("journal sample 0")))
	binary.LittleEndian.PutUint64(s.key[8:], dataclass.Key(key[16:]).Token([]byte("journal sample 1")))
	s.new, s.old = make(map[identity.Actor]bool), make(map[identity.Actor]bool)
	if oneIn > 1 {
		s.below = ^uint64(0) / oneIn
	}
	return s
}

func (s *sampler) keep(e *event.Event) bool {
	if s.below == 0 {
		return true
	}
	keep := s.judge(e, e.Actor)
	if e.Link.After.Token != 0 {
		s.remember(e.Link.After, s.judge(e, e.Link.Before))
	}
	return keep
}

func (s *sampler) judge(e *event.Event, a identity.Actor) bool {
	if a.Kind != identity.ActorSession && a.Kind != identity.ActorPrincipal {
		return s.hash(e)
	}
	if keep, ok := s.new[a]; ok {
		return keep
	}
	keep, ok := s.old[a]
	if !ok {
		keep = s.hash(e)
	}
	s.remember(a, keep)
	return keep
}

func (s *sampler) remember(a identity.Actor, keep bool) {
	if len(s.new) >= maxJudged {
		s.new, s.old = s.old, s.new
		clear(s.new)
	}
	s.new[a] = keep
}

func (s *sampler) hash(e *event.Event) bool {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], uint64(e.Fingerprint))
	binary.LittleEndian.PutUint64(b[8:], identity.NetworkID(e.Client))
	if e.Fingerprint == 0 && !e.Client.IsValid() {
		// A source that sees neither: the actor is all there is.
		binary.LittleEndian.PutUint64(b[:], e.Actor.Token)
	}
	return s.key.Token(b[:]) < s.below
}
