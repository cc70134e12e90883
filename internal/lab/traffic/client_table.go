package traffic

// The programs that call, as they write their headers.

func chrome(version, platform string) software {
	agent := map[string]string{"Windows": "Windows NT 10.0; Win64; x64", "macOS": "Macintosh; Intel Mac OS X 10_15_7"}[platform]
	return program("chrome", "t13d1516h2_8daaf6152771_02713d6af862", "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p", `Host:
Connection: keep-alive
Content-Length:
sec-ch-ua-platform: "`+platform+`"
Authorization:
User-Agent: Mozilla/5.0 (`+agent+`) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/`+version+`.0.0.0 Safari/537.36
sec-ch-ua: "Chromium";v="`+version+`", "Google Chrome";v="`+version+`", "Not_A Brand";v="24"
Content-Type:
sec-ch-ua-mobile: ?0
Accept: application/json, text/plain, */*
Origin: https://portal.acme.example
Sec-Fetch-Site: same-site
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: https://portal.acme.example/
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7
Cookie:`)
}

func firefox(version string) software {
	return program("firefox", "t13d1715h2_5b57614c22b0_7121afd63204", "1:65536;2:0;4:131072;5:16384|12517377|0|m,p,a,s", `Host:
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:`+version+`) Gecko/20100101 Firefox/`+version+`
Accept: application/json, text/plain, */*
Accept-Language: de,en-US;q=0.7,en;q=0.3
Accept-Encoding: gzip, deflate, br, zstd
Content-Type:
Authorization:
Content-Length:
Origin: https://portal.acme.example
Connection: keep-alive
Referer: https://portal.acme.example/
Cookie:
Sec-Fetch-Dest: empty
Sec-Fetch-Mode: cors
Sec-Fetch-Site: same-site`)
}

func safari() software {
	return program("safari", "t13d2014h2_a09f3c656075_14788d8d241b", "2:0;3:100;4:2097152|10420225|0|m,s,p,a", `Host:
Accept: application/json, text/plain, */*
Authorization:
Content-Type:
Sec-Fetch-Site: same-site
Cookie:
Sec-Fetch-Mode: cors
Accept-Language: de-DE,de;q=0.9
Accept-Encoding: gzip, deflate, br
Content-Length:
Origin: https://portal.acme.example
User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15
Referer: https://portal.acme.example/
Sec-Fetch-Dest: empty
Connection: keep-alive`)
}

func okhttp() software {
	return program("okhttp", "t13d1613h2_46e7e9700bed_45f260be83e2", "4:16777216|16711681|0|m,p,a,s", `Authorization:
Accept: application/json
X-App-Version: 6.21.0 (android 14)
Content-Type:
Content-Length:
Host:
Connection: Keep-Alive
Accept-Encoding: gzip
User-Agent: okhttp/4.12.0`)
}

func cfnetwork() software {
	return program("cfnetwork", "t13d2014h2_a09f3c656075_e42f34c56612", "2:0;3:100;4:2097152|10485760|0|m,s,p,a", `Host:
Content-Type:
Connection: keep-alive
Accept: application/json
X-App-Version: 6.20.2 (ios 18.3)
User-Agent: AcmeHealth/62002 CFNetwork/1568.300.101 Darwin/24.2.0
Content-Length:
Authorization:
Accept-Language: de-DE,de;q=0.9
Accept-Encoding: gzip, deflate, br`)
}

// javaClient is the billing house's batch: Apache HttpClient.
func javaClient() software {
	return program("java", "t13d1812h1_2b729b4bf6f3_24bf7bf3e1a6", "", `Accept: application/json
X-Api-Key:
Content-Type:
Content-Length:
Host:
Connection: Keep-Alive
User-Agent: Apache-HttpClient/4.5.14 (Java/17.0.13)
Accept-Encoding: gzip,deflate`)
}

func goClient(agent string) software {
	return program("go", "t13d1311h2_f57a46bbacb6_e7c285222651", "", `Host:
User-Agent: `+agent+`
Content-Length:
Authorization:
Content-Type:
X-Api-Key:
Accept-Encoding: gzip`)
}

func pythonRequests(agent string) software {
	return program("python", "t13d1812h1_85036bcba153_b26ce05bbdd6", "", `Host:
User-Agent: `+agent+`
Accept-Encoding: gzip, deflate
Accept: */*
Connection: keep-alive
X-Api-Key:
Authorization:
Content-Length:
Content-Type:`)
}

func googlebot() software {
	return program("googlebot", "t13d1515h2_8daaf6152771_de4a06bb82e3", "", `Host:
Connection: keep-alive
Accept: text/html,application/xhtml+xml,application/signed-exchange;v=b3,application/xml;q=0.9,*/*;q=0.8
From: googlebot(at)googlebot.com
User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
Accept-Encoding: gzip, deflate, br`)
}

// ffuf is the loud scanner's tool.
func ffuf() software {
	return program("ffuf", "t13d1311h2_f57a46bbacb6_e7c285222651", "", `Host:
User-Agent: Fuzz Faster U Fool v2.1.0-dev
Accept-Encoding: gzip`)
}
