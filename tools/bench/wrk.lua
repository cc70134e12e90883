-- The workload as wrk sends it. Arguments: folder, principals, addresses, requests (0: until the time is over), junk paths.
-- One thread, so that every request has a number of its own: each is written from pieces with that number in its query
-- or body, a token and a client address, and no two requests are alike.
local thread
local random, format, floor = math.random, string.format, math.floor

function setup(t) thread = t end

-- address n of a set in which every address lies in a /24 of its own as long as there are fewer than 3.8 million
local function address(n)
  return format("%d.%d.%d.%d", 45 + n % 58, floor(n / 58) % 256, floor(n / 14848) % 256, 1 + n * 37 % 254)
end

local junkWords = { "wp-content/plugins", "cgi-bin", "old/backup", "v1/zz", "api/internal", ".git/objects", "static/chunk" }
local junkEnds = { ".php", "", ".bak", "", ".json", "/", "" }
local function junkPath(n)
  local k = n % 7 + 1
  return format("/%s/%08x%04x%s", junkWords[k], n * 2654435 % 4294967296, n % 65536, junkEnds[k])
end

sent, junkSent = 0, 0
local pieces, tokens, addresses = {}, {}, {}
local count, principals, clients, limit, junk, stopped

function init(args)
  local dir = args[1]
  principals, clients, limit, junk = tonumber(args[2]), tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  pieces = dofile(dir .. "/requests.lua")
  count = #pieces
  for line in io.lines(dir .. "/tokens.txt") do
    if #tokens < principals then tokens[#tokens + 1] = line end
  end
  principals = #tokens
  if clients <= 100000 then
    for i = 1, clients do addresses[i] = address(i - 1) end
  end
  math.randomseed(20240229)
end

-- a stride that is prime to every count in use visits all clients evenly, in an order no cache likes
local stride = 7919

function request()
  if limit > 0 and sent >= limit and not stopped then
    stopped = true
    io.write("LIMIT\n")
    io.flush()
    wrk.thread:stop()
  end
  local n = sent
  sent = n + 1
  local c = n * stride % clients
  local from = addresses[c + 1] or address(c)
  local token = tokens[c % principals + 1]
  local p = pieces[random(count)]
  local number = format("%010d", n)
  if junk > 0 and n % 10 == 9 then
    junkSent = junkSent + 1
    return "GET " .. junkPath(floor(n / 10) % junk) .. pieces.plain .. token .. "\r\nX-Forwarded-For: " .. from .. "\r\n\r\n"
  end
  if p[1] then -- the number stands in the request line
    return p[2] .. number .. p[3] .. token .. "\r\nX-Forwarded-For: " .. from .. p[4]
  end
  return p[2] .. token .. "\r\nX-Forwarded-For: " .. from .. p[3] .. number .. p[4]
end

function done(s, l, r)
  io.write(format("RESULT requests=%d dur_us=%d p50=%d p99=%d max=%d non2xx=%d connect=%d read=%d write=%d timeout=%d bytes=%d junk=%d\n",
    s.requests, s.duration, l:percentile(50), l:percentile(99), l.max, s.errors.status, s.errors.connect, s.errors.read,
    s.errors.write, s.errors.timeout, s.bytes, thread:get("junkSent")))
end
