// The live list of events: rows are added as they come. Text from traffic is only ever set as textContent.
const live = document.getElementById("live");
if (live) followEvents(live);

function followEvents(table) {
  const rows = table.querySelector("tbody");
  const sign = document.getElementById("live-state");
  const pause = document.getElementById("live-pause");
  const most = 200;
  const seen = new Set();
  let waiting = [];
  let paused = false;
  for (const row of rows.rows) seen.add(row.dataset.id);

  const say = (text, state) => {
    sign.textContent = text;
    sign.dataset.state = state;
  };
  const source = new EventSource(table.dataset.source);
  source.onopen = () => say("Live", "on");
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "Stopped" : "Reconnecting…", "off");
  source.onmessage = (message) => {
    const line = JSON.parse(message.data);
    if (seen.has(line.id)) return;
    seen.add(line.id);
    if (paused) {
      if (waiting.length < most) waiting.push(line);
      pause.textContent = "Resume (" + waiting.length + (waiting.length === most ? "+)" : ")");
      return;
    }
    show(line);
  };
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) {
      waiting.forEach(show);
      waiting = [];
    }
  });

  function show(line) {
    const none = document.getElementById("no-events");
    if (none) none.hidden = true;
    table.hidden = false;
    rows.prepend(draw(line));
    while (rows.rows.length > most) {
      seen.delete(rows.lastElementChild.dataset.id);
      rows.lastElementChild.remove();
    }
  }
}

function node(tag, className, text) {
  const n = document.createElement(tag);
  if (className) n.className = className;
  if (text !== undefined) n.textContent = text;
  return n;
}

// draw makes the same row as eventRow in events.templ.
function draw(line) {
  const row = node("tr", "fresh");
  row.dataset.id = line.id;
  const cell = (className, ...children) => {
    const td = node("td", className);
    td.append(...children);
    row.append(td);
  };
  const time = node("a", "time", new Date(line.time).toISOString().slice(11, 19));
  time.href = "/events/" + encodeURIComponent(line.id);
  time.title = line.time;
  cell("", time);

  const acts = [node("span", "act act-" + line.action, line.action)];
  if (line.would && line.would !== line.action) acts.push(" ", node("span", "would muted", "would " + line.would));
  cell("", ...acts);

  const kinds = { GET: "m-get", HEAD: "m-get", POST: "m-post", PUT: "m-put", PATCH: "m-put", DELETE: "m-delete" };
  const method = node("span", "method " + (kinds[line.method] || "m-other"), line.method || "?");
  const path = line.endpoint ? line.endpoint.slice((line.method || "").length + 1) : "";
  const code = node("code", "template");
  for (const part of path.split(/(\{[^}]*\})/)) {
    if (part) code.append(part[0] === "{" ? node("var", "", part) : part);
  }
  if (!path) code.append(node("span", "muted", "no known endpoint"));
  const endpoint = node(line.endpoint_id ? "a" : "span", "endpoint");
  if (line.endpoint_id) endpoint.href = "/inventory/" + line.endpoint_id;
  endpoint.append(method, " ", code);
  const host = node("span", "sub muted", line.host || "");
  cell("main", endpoint, host);

  const family = Math.floor(line.status / 100);
  cell("", line.status ? node("span", "code s" + (family >= 1 && family <= 5 ? family : 0), line.status) : node("span", "muted", "–"));

  const found = [];
  for (const f of line.findings.slice(0, 3)) found.push(node("span", "sev sev-" + f.severity, f.id), " ");
  if (line.findings.length > 3) found.push(node("span", "muted", "+" + (line.findings.length - 3)));
  cell("", ...found);

  const who = node("span", "", line.principal.name || line.address || "");
  const from = node("span", "sub muted", [line.principal.strength, line.principal.name ? line.address : "", line.country].filter(Boolean).join(" · "));
  cell("who", who, from);
  return row;
}
