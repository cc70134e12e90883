package client

import "time"

// Event is a verdict line: one decision.
type Event struct {
	ID          string    `json:"id"`
	Time        time.Time `json:"time"`
	Site        string    `json:"site"`
	Node        string    `json:"node"`
	Source      string    `json:"source"`
	Endpoint    string    `json:"endpoint"` // "METHOD template", "" where none matched
	EndpointID  uint64    `json:"endpoint_id"`
	Method      string    `json:"method"`
	Host        string    `json:"host"`
	Actor       string    `json:"actor"`
	Principal   Principal `json:"principal"`
	Address     string    `json:"address"`
	Country     string    `json:"country"`
	Fingerprint string    `json:"fingerprint"`
	JA4         string    `json:"ja4"`
	HTTP2       string    `json:"h2"`
	UserAgent   string    `json:"user_agent"`
	RPC         string    `json:"rpc"`
	Mode        string    `json:"mode"`   // watch or enforce
	Action      string    `json:"action"` // what was done
	Would       string    `json:"would"`  // what enforcement would have done, where that is something else
	Rule        string    `json:"rule"`
	Status      int       `json:"status"`
	LatencyMS   float64   `json:"latency_ms"`
	Findings    []Finding `json:"findings"`
}

// Principal is who the caller said, or proved, to be.
type Principal struct {
	Name     string `json:"name"`
	Strength string `json:"strength"` // verified, accepted, claimed or anonymous
}

// Finding is what a check says about an exchange. Evidence is masked.
type Finding struct {
	ID       string   `json:"id"`
	Classes  []string `json:"classes"`
	Severity string   `json:"severity"`
	Score    float64  `json:"score"`
	Where    string   `json:"where"`
	Evidence string   `json:"evidence"`
	Why      string   `json:"why"`
}

// Explanation is an event step by step.
type Explanation struct {
	ID             string   `json:"id"`
	Stages         []Stage  `json:"stages"`
	Timeline       []Moment `json:"timeline"`
	Places         []Place  `json:"places"`
	PrincipalToken string   `json:"principal_token"`
	SessionToken   string   `json:"session_token"`
	Credentials    []string `json:"credentials"`
	Carrier        string   `json:"carrier"`
	Gaps           []Gap    `json:"gaps"`
	SameActor      []string `json:"same_actor"`
	SameEndpoint   []string `json:"same_endpoint"`
}

// Stage is one stage of the pipeline.
type Stage struct {
	Name      string    `json:"name"`
	Facts     []Fact    `json:"facts"`
	Findings  []Finding `json:"findings"`
	Undecided string    `json:"undecided"`
}

// Fact is something that a stage saw or did; Filter and Value select the events that share it.
type Fact struct {
	Name   string `json:"name"`
	Text   string `json:"text"`
	Filter string `json:"filter"`
	Value  string `json:"value"`
}

// Moment is a point on the exchange's way.
type Moment struct {
	Name    string  `json:"name"`
	AfterMS float64 `json:"after_ms"`
}

// Place is a place where a value was observed, without the value.
type Place struct {
	Where     string   `json:"where"`
	Kind      string   `json:"kind"`
	Classes   []string `json:"classes"`
	Sensitive bool     `json:"sensitive"`
	Answer    bool     `json:"answer"`
}

// Gap is what a replay cannot judge again.
type Gap struct {
	Stage string `json:"stage"`
	Why   string `json:"why"`
}

// Histogram is events counted over time.
type Histogram struct {
	From        time.Time `json:"from"`
	Step        float64   `json:"step"` // seconds
	Events      []int     `json:"events"`
	Blocked     []int     `json:"blocked"`
	Total       int       `json:"total"`
	Approximate bool      `json:"approximate"`
	Since       time.Time `json:"since"`
}

// Block is what is kept out.
type Block struct {
	ID     string    `json:"id"`
	Site   string    `json:"site"`
	Kind   string    `json:"kind"`
	Value  string    `json:"value"`
	Action string    `json:"action"`
	Mode   string    `json:"mode"`
	Until  time.Time `json:"until"`
	By     string    `json:"by"`
	Why    string    `json:"why"`
	At     time.Time `json:"at"`
}

// NewBlock is what somebody wants kept out.
type NewBlock struct {
	Site  string    `json:"site,omitempty"` // "" for every site
	Kind  string    `json:"kind"`           // address, fingerprint, principal, endpoint, country or asn
	Value string    `json:"value"`
	Mode  string    `json:"mode,omitempty"` // enforce when empty
	Until time.Time `json:"until,omitzero"` // until removed when zero
	Why   string    `json:"why,omitempty"`
}

// Status is how Merlon fares.
type Status struct {
	Version       string    `json:"version"`
	Node          string    `json:"node"`
	Started       time.Time `json:"started"`
	Listen        []string  `json:"listen"`
	Events        uint64    `json:"events"`
	Dropped       uint64    `json:"dropped"`
	Learned       uint64    `json:"learned"`
	Queued        int       `json:"queued"`
	Journal       string    `json:"journal"`
	Database      string    `json:"database"`
	JournalBytes  int64     `json:"journal_bytes"`
	DatabaseBytes int64     `json:"database_bytes"`
	Knowledge     uint64    `json:"knowledge"`
	Distilled     time.Time `json:"distilled"`
	LearnedShare  float64   `json:"learned_share"`
	Troubled      bool      `json:"troubled"`
}

// Point is what happened in one interval.
type Point struct {
	At           time.Time `json:"at"`
	Step         int64     `json:"step"` // seconds
	Requests     uint64    `json:"requests"`
	ClientErrors uint64    `json:"client_errors"`
	ServerErrors uint64    `json:"server_errors"`
	Blocked      uint64    `json:"blocked"`
	P50          float64   `json:"latency_p50_ms"`
	P95          float64   `json:"latency_p95_ms"`
}

// Settings is the running configuration.
type Settings struct {
	File   string         `json:"file"`
	Groups []SettingGroup `json:"groups"`
}

// SettingGroup is settings that belong together.
type SettingGroup struct {
	Title string    `json:"title"`
	Items []Setting `json:"items"`
}

// Setting is one of them.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Key   string `json:"key"`
}

// Session is who somebody is.
type Session struct {
	Name string `json:"name"`
	Role string `json:"role"`
	CSRF string `json:"csrf_token"`
}

// Token lets a machine in.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Scopes  []string  `json:"scopes"`
	Sites   []string  `json:"sites"`
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Used    time.Time `json:"used"`
	Secret  string    `json:"secret"` // when it is made, and never again
}

// NewToken is what a token should be.
type NewToken struct {
	Name   string   `json:"name"`
	Role   string   `json:"role"`
	Days   int      `json:"days,omitempty"`   // 90 when 0
	Scopes []string `json:"scopes,omitempty"` // none: all that the role may
	Sites  []string `json:"sites,omitempty"`  // none: all
}

// Account is a person who may sign in.
type Account struct {
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	Created  time.Time `json:"created"`
	SignedIn time.Time `json:"signed_in"`
	Disabled bool      `json:"disabled"`
	Codes    bool      `json:"codes"`
	Recovery int       `json:"recovery_codes"`
	Passkeys int       `json:"passkeys"`
}

// Browser is a signed-in browser.
type Browser struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Expires time.Time `json:"expires"`
	Address string    `json:"address"`
	Browser string    `json:"browser"`
	Method  string    `json:"method"`
	Current bool      `json:"current"`
}

// Invite is a one-time link to an account, without the link.
type Invite struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Reset   bool      `json:"reset"`
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// AuditEntry is who did what.
type AuditEntry struct {
	Number  uint64    `json:"number"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Address string    `json:"address"`
	Action  string    `json:"action"`
	Target  string    `json:"target"`
	Detail  string    `json:"detail"`
	Hash    string    `json:"hash"`
}

// Chain is what a walk over the whole audit log found. Broken is the first entry that is changed, missing or added, 0 when the
// chain is whole.
type Chain struct {
	First  uint64 `json:"first"`
	Last   uint64 `json:"last"`
	Broken uint64 `json:"broken"`
	Hash   string `json:"hash"`
}

// Rule is an entry of policy that people made: a rule, a list or an exception.
type Rule struct {
	ID       string    `json:"id"`
	Site     string    `json:"site"` // "" for every site
	Position int64     `json:"position"`
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Action   string    `json:"action"`
	Mode     string    `json:"mode"`
	Text     string    `json:"text"` // YAML
	Why      string    `json:"why"`
	Enabled  bool      `json:"enabled"`
	Out      bool      `json:"out"` // switched on and yet not in force
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Verdict  string    `json:"verdict"` // how events name it
	Hits     int       `json:"hits"`    // events of the last day, -1 where they were not counted
	Mistakes []Mistake `json:"mistakes"`
}

// RuleEdit is an entry as one writes it.
type RuleEdit struct {
	Site string `json:"site,omitempty"`
	Text string `json:"text"`
	Why  string `json:"why,omitempty"`
	Off  bool   `json:"off,omitempty"`
}

// Mistake is what is wrong with an entry, at its place in the text.
type Mistake struct {
	Source  string `json:"source"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Key     string `json:"key"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	Notice  bool   `json:"notice"`
}

// RuleTrial is an entry tried over past events.
type RuleTrial struct {
	Looked     int       `json:"looked"`
	From       time.Time `json:"from"`
	All        bool      `json:"all"`
	Matched    int       `json:"matched"`
	Undecided  int       `json:"undecided"`
	Unseen     []string  `json:"unseen"`
	Principals []Count   `json:"principals"`
	Addresses  []Count   `json:"addresses"`
	Endpoints  []Count   `json:"endpoints"`
	Latest     []string  `json:"latest"`
}
