package traffic

// prefixTable lists announced prefixes of well-known networks with their class, main country and share. Documentation ranges are in no
// geography table, so believable traffic needs real prefixes. They appear in labels, logs and PROXY headers; nothing ever dials them.
const prefixTable = `r 79.192.0.0/10 DE 20
r 87.128.0.0/11 DE 8
r 91.0.0.0/10 DE 14
r 217.224.0.0/11 DE 6
r 2003:c0::/26 DE 12
r 86.192.0.0/11 FR 4
r 82.64.0.0/14 FR 3
r 2a01:cb00::/24 FR 2
r 86.128.0.0/11 GB 4
r 81.128.0.0/12 GB 2
r 77.160.0.0/12 NL 3
r 88.0.0.0/12 ES 3
r 79.0.0.0/11 IT 3
r 83.0.0.0/12 PL 3
r 80.108.0.0/15 AT 3
r 178.192.0.0/13 CH 2
r 73.0.0.0/9 US 3
r 2601::/20 US 1
r 187.0.0.0/12 BR 1
m 80.187.64.0/18 DE 10
m 109.40.0.0/13 DE 6
m 92.184.96.0/19 FR 2
m 49.36.0.0/14 IN 1
h 88.198.0.0/16 DE 5
h 116.202.0.0/15 DE 5
h 144.76.0.0/16 DE 4
h 95.216.0.0/16 FI 4
h 51.75.0.0/16 FR 4
h 54.36.0.0/16 FR 4
h 137.74.0.0/16 FR 3
h 52.208.0.0/13 IE 5
h 159.65.0.0/16 US 5
h 167.99.0.0/16 US 5
h 142.93.0.0/16 US 4
h 104.248.0.0/16 US 4
h 139.59.0.0/16 SG 3
h 139.162.64.0/18 JP 2
h 172.104.32.0/19 SG 2
c 217.6.0.0/16 DE 1
g 66.249.64.0/19 US 1`
