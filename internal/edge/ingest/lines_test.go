package ingest

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/ingest/logformat"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// samples are lines as the programs write them, by the format that each must be told to have.
func samples() map[string][]string {
	return map[string][]string{
		"caddy": {
			`{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"127.0.0.1","remote_port":"41342","client_ip":"203.0.113.9","proto":"HTTP/2.0","method":"GET","host":"localhost:2015","uri":"/a/b?c=d","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*"],"Accept-Encoding":["gzip, deflate, br"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"example.com"}},"bytes_read": 7,"user_id":"","duration":0.000929675,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"],"Content-Type":["text/html; charset=utf-8"]}}`,
		},
		"envoy": {
			`[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"`,
			`[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "203.0.113.5" "curl/7.73.0-DEV" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" inbound|8000|| 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652 outbound_.8000_._.httpbin.foo.svc.cluster.local default`,
			`{"authority":"api.example","bytes_received":12,"bytes_sent":135,"connection_termination_details":null,"downstream_local_address":"10.44.1.27:80","downstream_remote_address":"203.0.113.5:37652","duration":3,"method":"POST","path":"/a/b?c=d","protocol":"HTTP/1.1","request_id":"84961386","requested_server_name":null,"response_code":201,"response_flags":"-","route_name":"default","start_time":"2020-11-25T21:26:18.409Z","upstream_cluster":"inbound|8000||","upstream_host":"127.0.0.1:80","upstream_service_time":"1","user_agent":"curl/7.73.0","x_forwarded_for":null}`,
		},
		"nginx-json": {
			`{"time_iso8601":"2025-10-10T13:55:36+00:00","remote_addr":"203.0.113.7","request":"GET /a/b?c=d HTTP/1.1","status":"200","body_bytes_sent":"2326","request_time":"0.012","upstream_response_time":"0.010, 0.001","http_referer":"","http_user_agent":"ua/1.0","http_x_forwarded_for":"","host":"api.example","ssl_ja4":"t13d1516h2_8daaf6152771_e5627efa2ab1"}`,
			`{"msec":1760104536.123,"remote_addr":"203.0.113.7","request_method":"GET","request_uri":"/a/b?c=d","status":200,"bytes_sent":2500}`,
			`{"@timestamp":"2025-10-10T13:55:36Z","client_ip":"203.0.113.7","method":"GET","uri":"/a/b","args":"c=d","status_code":200,"user_agent":"ua/1.0"}`,
		},
		"alb": {
			`http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/a/b?c=d HTTP/1.1" "curl/7.46.0" - - arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"`,
			`h2 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 10.0.1.252:48160 10.0.0.66:9000 0.000 0.002 0.000 200 200 5 257 "GET https://10.0.2.105:773/ HTTP/2.0" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337327-72bd00b0343d75b906739c42" "-" "-" 1 2018-07-02T22:22:48.364000Z "redirect" "https://example.com:80/" "-" "10.0.0.66:9000" "200" "-" "-" TID_dc57cebed65b444ebd5ee4ac1e5d3c7f`,
		},
		"vhost": {
			`shop.example:443 203.0.113.7 - - [10/Oct/2025:13:55:36 -0700] "GET /a/b?c=d HTTP/1.1" 200 2326 "-" "ua/1.0"`,
		},
		"combined": {
			`203.0.113.7 - - [10/Oct/2025:13:55:36 -0700] "GET /a/b?c=d HTTP/1.1" 200 2326 "-" "ua/1.0"`,
			`2001:db8::7 - john doe [10/Oct/2025:13:55:36 -0700] "GET /a/b HTTP/1.1" 200 2326 "-" "ua/1.0"`,
			`203.0.113.7 - - [10/Oct/2025:13:55:36 -0700] "GET /a/b?c=d HTTP/1.1" 200 2326 "-" "ua/1.0" "10.0.0.1" 0.003`,
		},
		"common": {`203.0.113.7 - - [10/Oct/2025:13:55:36 -0700] "GET / HTTP/1.0" 200 -`},
		"entry":  {`{"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"https://h.example/"},"ts":1646861401.5,"status":200}`},
		"har":    {`{"log":{"entries":[{"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"https://h.example/"}}]}}`},
		"": {
			`{"level":"info","ts":1646861401.5,"logger":"http","msg":"server running","name":"srv0","protocols":["h1","h2","h3"]}`,
			`{"level":"error","ts":1646861401.5,"logger":"http.log.error","msg":"x","request":{"method":"GET","uri":"/","host":"h"},"status":500}`,
			`{"time":"2025-10-10T13:55:36Z","level":"INFO","msg":"request done","path":"/a"}`,
			`{"ts":1646861401.5,"request":{"method":"GET"},"msg":"half"}`,
			`shop.example 203.0.113.7 - - [10/Oct/2025:13:55:36 -0700] "GET / HTTP/1.1" 200 2326 "-" "ua/1.0"`,
			`[2016-04-15T20:17:00.310Z] "POST /api HTTP/2" 204`,
			`http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817`,
			`Oct 10 13:55:36 host sshd[1]: Accepted publickey`,
		},
	}
}

// TestDetect: each format is told by its lines, and none is mistaken for another.
func TestDetect(t *testing.T) {
	t.Parallel()
	for want, lines := range samples() {
		for i, line := range lines {
			t.Run(fmt.Sprintf("%s %d", want, i), func(t *testing.T) {
				t.Parallel()
				before := line
				f, at, _ := sniff([]byte(line), []byte(line), nil)
				got := ""
				if f != nil {
					got = f.Name
				}
				if got != want || want != "" && at == 0 || before != line {
					t.Errorf("told to be %q at %d", got, at)
				}
				for _, f := range all() {
					if f.Name != want && !f.document && f.sniff([]byte(line)) && (want != "combined" || f.Name != "common") {
						t.Logf("%s would take it too", f.Name)
						if want == "" {
							t.Error("and must not")
						}
					}
				}
			})
		}
	}
}

// decoded is a line as the format named, or a log format of one's own, reads it.
func decoded(t *testing.T, name, logFormat, line string, hops int) (*exchange.Exchange, record.Cause) {
	t.Helper()
	f, err := choose(name, logFormat)
	if err != nil {
		t.Fatal(err)
	}
	_, d := f.open(newSource(strings.NewReader("")), settings{128 << 10, hops})
	x := new(exchange.Exchange)
	cause := d.decode([]byte(line), x)
	return x, cause
}

// shown is what a test compares: everything that a format can fill.
func shown(x *exchange.Exchange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", time.Unix(0, x.At).UTC().Format("2006-01-02T15:04:05.000"), x.Method, x.Target)
	if x.Client.Addr.IsValid() {
		fmt.Fprintf(&b, " from %s:%d", x.Client.Addr, x.Client.Port)
	}
	fmt.Fprintf(&b, " to %s: %d, %d+%d bytes, %v of %v", x.Host, x.Status, x.Request.BodySize, x.Response.BodySize, time.Duration(x.Latency), time.Duration(x.Duration))
	for _, f := range x.Request.Fields {
		fmt.Fprintf(&b, ", %s=%s", f.Name, f.Value)
	}
	for _, f := range x.Response.Fields {
		fmt.Fprintf(&b, ", <%s=%s", f.Name, f.Value)
	}
	if x.Client.JA4 != "" {
		b.WriteString(", ja4=" + x.Client.JA4)
	}
	if x.Anomalies != 0 {
		fmt.Fprintf(&b, ", anomalies %b", x.Anomalies)
	}
	return b.String()
}

func TestLines(t *testing.T) {
	t.Parallel()
	const (
		least = exchange.SawRequestLine | exchange.SawStatus | exchange.SawClient
		agent = least | exchange.SawUserAgent
		timed = agent | exchange.SawLatency
		heads = exchange.SawRequestHeaders | exchange.SawResponseHeaders | exchange.SawCredentials
	)
	s := samples()
	for _, c := range []struct {
		name, format, line, want string
		observed                 exchange.Observed
	}{
		{"caddy", "caddy", s["caddy"][0], `2022-03-09T21:30:01.524 GET /a/b?c=d from 203.0.113.9:41342 to localhost: 200, 7+10900 bytes, 929.675µs of 929.675µs, User-Agent=curl/7.82.0, Accept=*/*, Accept-Encoding=gzip, deflate, br, <Server=Caddy, <Content-Type=text/html; charset=utf-8`, timed | heads},
		{"caddy hides credentials", "caddy", strings.Replace(s["caddy"][0], `"Accept":["*/*"]`, `"Authorization":["REDACTED"]`, 1), `2022-03-09T21:30:01.524 GET /a/b?c=d from 203.0.113.9:41342 to localhost: 200, 7+10900 bytes, 929.675µs of 929.675µs, User-Agent=curl/7.82.0, Accept-Encoding=gzip, deflate, br, <Server=Caddy, <Content-Type=text/html; charset=utf-8`, (timed | heads) &^ exchange.SawCredentials},
		{"envoy text", "envoy", s["envoy"][0], `2016-04-15T20:17:00.310 POST /api/v1/locations from 10.0.35.28:0 to locations: 204, 154+0 bytes, 100ms of 226ms, user-agent=nsq2http, x-request-id=cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2, X-Forwarded-For=10.0.35.28`, timed},
		{"istio text", "envoy", s["envoy"][1], `2020-11-25T21:26:18.409 GET /status/418 from 203.0.113.5:0 to httpbin: 418, 0+135 bytes, 1ms of 3ms, user-agent=curl/7.73.0-DEV, x-request-id=84961386-6d84-929d-98bd-c5aee93b5c88, X-Forwarded-For=203.0.113.5`, timed},
		{"envoy json", "envoy", s["envoy"][2], `2020-11-25T21:26:18.409 POST /a/b?c=d from 203.0.113.5:37652 to api.example: 201, 12+135 bytes, 1ms of 3ms, User-Agent=curl/7.73.0`, timed},
		{"nginx", "nginx-json", s["nginx-json"][0], `2025-10-10T13:55:36.000 GET /a/b?c=d from 203.0.113.7:0 to api.example: 200, 0+2326 bytes, 11ms of 12ms, User-Agent=ua/1.0, ja4=t13d1516h2_8daaf6152771_e5627efa2ab1`, timed},
		{"nginx in parts", "nginx-json", s["nginx-json"][1], `2025-10-10T13:55:36.123 GET /a/b?c=d from 203.0.113.7:0 to : 200, 0+2500 bytes, 0s of 0s`, least},
		{"other names", "nginx-json", s["nginx-json"][2], `2025-10-10T13:55:36.000 GET /a/b?c=d from 203.0.113.7:0 to : 200, 0+0 bytes, 0s of 0s, User-Agent=ua/1.0`, agent},
		{"a decoded path", "nginx-json", `{"msec":1760104536.123,"request_method":"GET","uri":"/a b/é%","status":200}`, `2025-10-10T13:55:36.123 GET /a%20b/%C3%A9%25 to : 200, 0+0 bytes, 0s of 0s`, exchange.SawRequestLine | exchange.SawStatus},
		{"escapes", "nginx-json", `{"msec":1760104536.123,"request":"GET /\"\u00e9 HTTP/1.1","status":404,"http_user_agent":"a\\b"}`, "2025-10-10T13:55:36.123 GET /\"é to : 404, 0+0 bytes, 0s of 0s, User-Agent=a\\b, anomalies " + fmt.Sprintf("%b", exchange.Anomalies(1<<exchange.AnomalyNonASCIITarget|1<<exchange.AnomalyTargetCharacter)), exchange.SawRequestLine | exchange.SawStatus | exchange.SawUserAgent},
		{"TLS on a plain port", "nginx-json", `{"msec":1760104536.123,"remote_addr":"203.0.113.7","request":"\u0016\u0003\u0001","status":400}`, "2025-10-10T13:55:36.123   from 203.0.113.7:0 to : 400, 0+0 bytes, 0s of 0s, anomalies " + fmt.Sprintf("%b", exchange.Anomalies(1<<exchange.AnomalyBadRequestLine)), exchange.SawStatus | exchange.SawClient},
		{"alb", "alb", s["alb"][0], `2018-07-02T22:23:00.186 GET /a/b?c=d from 192.168.131.39:2817 to www.example.com: 200, 0+366 bytes, 1ms of 1ms, User-Agent=curl/7.46.0`, timed},
		{"alb h2", "alb", s["alb"][1], `2018-07-02T22:23:00.186 GET / from 10.0.1.252:48160 to 10.0.2.105: 200, 0+257 bytes, 2ms of 2ms, User-Agent=curl/7.46.0`, timed},
		{"alb without a request", "alb", strings.Replace(strings.Replace(s["alb"][0], `"GET http://www.example.com:80/a/b?c=d HTTP/1.1"`, `"- http://www.example.com:80- "`, 1), "0.000 0.001 0.000 200 200", "-1 -1 -1 400 -", 1), "2018-07-02T22:23:00.186   from 192.168.131.39:2817 to : 400, 0+366 bytes, 0s of 0s, User-Agent=curl/7.46.0, anomalies " + fmt.Sprintf("%b", exchange.Anomalies(1<<exchange.AnomalyIncomplete)), exchange.SawStatus | exchange.SawClient | exchange.SawUserAgent},
		{"vhost", "vhost", s["vhost"][0], `2025-10-10T20:55:36.000 GET /a/b?c=d from 203.0.113.7:0 to shop.example: 200, 0+2326 bytes, 0s of 0s, User-Agent=ua/1.0`, agent},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x, cause := decoded(t, c.format, "", c.line, record.Auto)
			if got := shown(x); cause != 0 || got != c.want || x.Observed != c.observed {
				t.Errorf("cause %v\n got %s, observed %b\nwant %s, observed %b", cause, got, x.Observed, c.want, c.observed)
			}
		})
	}
}

// TestLogFormat reads lines by log formats of the user's own.
func TestLogFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, format, line, want string }{
		{
			"nginx", `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" urt="$upstream_response_time" $host`,
			`203.0.113.7 - jo [x] e [10/Oct/2025:13:55:36 +0000] "GET /a\x22 HTTP/1.1" 200 5 "https://r/" "u\x22a" rt=0.012 uct="-" urt="0.010" api.example`,
			`2025-10-10T13:55:36.000 GET /a" from 203.0.113.7:0 to api.example: 200, 0+5 bytes, 10ms of 12ms, Referer=https://r/, User-Agent=u"a, anomalies ` + fmt.Sprintf("%b", 1<<exchange.AnomalyTargetCharacter),
		},
		{
			"nginx directive", "log_format main '$remote_addr [$time_iso8601] \"$request\" '\n    '${status} $bytes_sent';",
			`203.0.113.7 [2025-10-10T13:55:36+00:00] "POST /a HTTP/1.1" 201 77`, `2025-10-10T13:55:36.000 POST /a from 203.0.113.7:0 to : 201, 0+77 bytes, 0s of 0s`,
		},
		{"nginx json", `log_format j escape=json '{"t":"$time_iso8601","c":{"ip":"$remote_addr"},"s":$status,"r":"$scheme://$host$request_uri","m":"$request_method"}';`, "", ""},
		{
			"nginx json parts", `{"t":"$time_iso8601","c":{"ip":"$remote_addr"},"s":$status,"r":"$request_method $request_uri $server_protocol","b":$body_bytes_sent,"_":$_mine}`,
			`{"s":200,"x":[1,{}],"t":"2025-10-10T13:55:36+00:00","c":{"ip":"203.0.113.7","z":1},"b":5,"r":"GET /a?b=c HTTP/1.1"}`,
			`2025-10-10T13:55:36.000 GET /a?b=c from 203.0.113.7:0 to : 200, 0+5 bytes, 0s of 0s`,
		},
		{
			"apache", `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D %{X-Forwarded-For}i %V`,
			`10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a HTTP/1.1" 200 - "-" "u\"a" 1500 203.0.113.7 api.example`,
			`2025-10-10T13:55:36.000 GET /a from 203.0.113.7:0 to api.example: 200, 0+0 bytes, 1.5ms of 1.5ms, User-Agent=u"a, X-Forwarded-For=203.0.113.7`,
		},
		{
			"apache directive", `LogFormat "%a %{%Y-%m-%dT%H:%M:%S%z}t \"%m %U%q %H\" %s %B %{ms}T %I %O" mine`,
			`203.0.113.7 2025-10-10T13:55:36+0000 "PUT /a b?c=d HTTP/1.1" 200 5 12 300 400`,
			`2025-10-10T13:55:36.000 PUT /a%20b?c=d from 203.0.113.7:0 to : 200, 300+5 bytes, 12ms of 12ms`,
		},
		{
			"envoy", `%START_TIME% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %REQ(X-Api-Version):10% %DURATION%`,
			`2025-10-10T13:55:36.123Z GET /a 0 203.0.113.7 v2 7`,
			`2025-10-10T13:55:36.123 GET /a from 203.0.113.7:0 to : 0, 0+0 bytes, 7ms of 7ms, x-api-version=v2`,
		},
		{
			"envoy json", `{"when":"%START_TIME%","m":"%REQ(:METHOD)%","p":"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%","c":"%RESPONSE_CODE%"}`,
			`{"m":"GET","p":"/a","c":200,"when":"2025-10-10T13:55:36.123Z"}`, `2025-10-10T13:55:36.123 GET /a to : 200, 0+0 bytes, 0s of 0s`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.line == "" {
				if _, err := choose(auto, c.format); err == nil || !strings.Contains(err.Error(), `member "r"`) || !strings.Contains(err.Error(), "border") {
					t.Errorf("a host and a target without a border: %v", err)
				}
				return
			}
			x, cause := decoded(t, auto, c.format, c.line, record.Auto)
			if got := shown(x); cause != 0 || got != c.want {
				t.Errorf("cause %v\n got %s\nwant %s", cause, got, c.want)
			}
		})
	}
}

// TestWrongLogFormat: every mistake is listed, with its column and what is known.
func TestWrongLogFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format string
		says         []string
	}{
		{"unknown variable", `$remote_addr [$time_local] "$request" $status $nonsense $$`, []string{"column 47: variable $nonsense is not known", "$upstream_response_time", "column 57: a variable's name"}},
		{"columns of the directive", `log_format main '$remote_addr $nonsense';`, []string{"column 31:"}},
		{"unknown directive", `%h %t "%r" %>s %y %{x}T`, []string{"column 16: directive %y is not known", "%{NAME}i", "column 19: directive %{x}T"}},
		{"unknown time", `%h %{%H:%M}t "%r" %>s`, []string{"column 4: time %{%H:%M}t is not read"}},
		{"unclosed", `%h %t "%r" %>s %{Referer`, []string{"column 16:", "not closed"}},
		{"unknown command", `%START_TIME% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %NONSENSE%`, []string{"column 58: command %NONSENSE% is not known", "%DURATION%"}},
		{"no border", `$remote_addr$status $time_local $request`, []string{"column 13: nothing stands between"}},
		{"lacks", `$remote_addr $status`, []string{"lacks a time", "the request"}},
		{"nothing in it", `hello`, []string{"no $variable"}},
		{"json", `{"a":"$nonsense","t":"$msec"}`, []string{`member "a": column 1: variable $nonsense`}},
		{"broken json", `{"a":"$msec"`, []string{"begins like a JSON object"}},
		{"long", strings.Repeat("$status ", 4096), []string{"longer than"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := choose(auto, c.format)
			for _, s := range c.says {
				if err == nil || !strings.Contains(err.Error(), s) {
					t.Errorf("%v\ndoes not say %s", err, s)
				}
			}
		})
	}
}

// TestForwarded: who the client is behind proxies.
func TestForwarded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, peer, list string
		hops             int
		want             string
	}{
		{"nobody is believed", "10.0.0.1", "203.0.113.7", 0, "10.0.0.1"},
		{"a private peer", "10.0.0.1", "203.0.113.7", record.Auto, "203.0.113.7"},
		{"a public peer", "198.51.100.1", "203.0.113.7", record.Auto, "198.51.100.1"},
		{"two private peers", "10.0.0.1", "192.0.2.66, 203.0.113.7, 10.0.0.9", record.Auto, "203.0.113.7"},
		{"all private", "10.0.0.1", "10.0.0.2, 10.0.0.3", record.Auto, "10.0.0.2"},
		{"one public proxy", "198.51.100.1", "192.0.2.66, 203.0.113.7", 1, "203.0.113.7"},
		{"two proxies", "198.51.100.1", "192.0.2.66, 203.0.113.7", 2, "192.0.2.66"},
		{"more proxies than members", "198.51.100.1", "203.0.113.7", 3, "203.0.113.7"},
		{"rubbish", "10.0.0.1", "203.0.113.7, unknown", record.Auto, "10.0.0.1"},
		{"with ports", "10.0.0.1", "203.0.113.7:1234", record.Auto, "203.0.113.7"},
		{"IPv6", "fd00::1", "[2001:db8::7]:1234", record.Auto, "2001:db8::7"},
		{"no list", "10.0.0.1", "-", record.Auto, "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			line := fmt.Sprintf(`{"msec":1760104536.123,"remote_addr":%q,"request":"GET / HTTP/1.1","status":200,"http_x_forwarded_for":%q}`, c.peer, c.list)
			x, cause := decoded(t, "nginx-json", "", line, c.hops)
			if cause != 0 || x.Client.Addr != netip.MustParseAddr(c.want) {
				t.Errorf("client %v, %v; want %s", x.Client.Addr, cause, c.want)
			}
		})
	}
}

func fuzzLines(f *testing.F, name string) {
	for _, lines := range samples() {
		for _, line := range lines {
			f.Add([]byte(line))
		}
	}
	format := formatNamed(name)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		_, d := format.open(newSource(strings.NewReader("")), settings{128 << 10, record.Auto})
		var x exchange.Exchange
		sane(t, d.decode(b, &x), &x)
	})
}

func FuzzCaddy(f *testing.F)     { fuzzLines(f, "caddy") }
func FuzzEnvoy(f *testing.F)     { fuzzLines(f, "envoy") }
func FuzzNginxJSON(f *testing.F) { fuzzLines(f, "nginx-json") }
func FuzzALB(f *testing.F)       { fuzzLines(f, "alb") }
func FuzzVhost(f *testing.F)     { fuzzLines(f, "vhost") }

// FuzzLogFormat compiles any format and reads a line by it.
func FuzzLogFormat(f *testing.F) {
	f.Add(logformat.VhostCombined, samples()["vhost"][0])
	f.Add(logformat.EnvoyDefault, samples()["envoy"][0])
	f.Add(`log_format x escape=json '{"t":"$time_iso8601","s":$status,"r":"$request"}';`, `{"t":"2025-10-10T13:55:36Z","s":200,"r":"GET / HTTP/1.1"}`)
	f.Add(`escape=json $msec "$request" $status "$http_user_agent"`, `1.2 "GET / HTTP/1.1" 200 "\ud83d\ude00\u00"`)
	f.Add(`%{begin:sec}t %U%q %m %!200,304{X}i %>s`, `1760104536 /a?b GET - 200`)
	f.Fuzz(func(t *testing.T, text, line string) {
		format, err := choose(auto, text)
		if err != nil || len(line) == 0 {
			return
		}
		_, d := format.open(newSource(strings.NewReader("")), settings{128 << 10, record.Auto})
		var x exchange.Exchange
		sane(t, d.decode([]byte(line), &x), &x)
	})
}

// BenchmarkLines is the parsers alone, by format.
func BenchmarkLines(b *testing.B) {
	for _, name := range []string{"caddy", "envoy", "nginx-json", "alb", "vhost"} {
		line := []byte(samples()[name][0])
		b.Run(name, func(b *testing.B) {
			_, d := formatNamed(name).open(newSource(strings.NewReader("")), settings{128 << 10, record.Auto})
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			var x exchange.Exchange
			for b.Loop() {
				x.Reset()
				if d.decode(line, &x) != 0 {
					b.Fatal("damaged")
				}
			}
		})
	}
}
