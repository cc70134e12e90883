// The live list of events. Rows come from the server as the list writes them, so all text in them is escaped there. What is
// held is bounded: 200 rows on the page, 200 waiting; what is more is counted and left to the list.
const table = document.getElementById("live");
if (table) follow(table);

function follow(table) {
  const most = 200;
  const rows = table.querySelector("tbody");
  const sign = document.getElementById("live-state");
  const pause = document.getElementById("live-pause");
  const more = document.getElementById("live-more");
  let waiting = []; // rows that came while nobody looked, the latest first
  let left = 0; // how many came and are neither shown nor waiting
  let paused = false;
  let source = null;

  const say = (text, state) => {
    if (sign.textContent !== text) sign.textContent = text;
    sign.dataset.state = state;
  };
  // Who has scrolled down is reading: nothing may move under their eyes.
  const reading = () => table.getBoundingClientRect().top < 0;
  const held = () => paused || reading() || document.hidden;

  const announce = () => {
    const n = waiting.length + left;
    more.hidden = n === 0;
    more.textContent = n + (n === 1 ? " new event" : " new events") + (left > 0 ? ", " + left + " of them only in the list" : "");
    if (paused) say("Paused", "off");
    else if (source.readyState === EventSource.OPEN) say(reading() ? "Waiting while you read" : "Live", "on");
  };

  const show = () => {
    if (waiting.length > 0) {
      const none = document.getElementById("no-events");
      if (none) none.hidden = true;
      table.hidden = false;
      rows.prepend(...waiting);
      while (rows.rows.length > most) rows.lastElementChild.remove();
    }
    waiting = [];
    left = 0;
    announce();
  };

  const take = (message) => {
    const batch = JSON.parse(message.data);
    const made = document.createElement("template");
    made.innerHTML = batch.rows;
    const fresh = [...made.content.children].filter((row) => row.tagName === "TR" && !rows.querySelector(`[data-id="${CSS.escape(row.dataset.id)}"]`));
    waiting = fresh.concat(waiting);
    left += (batch.left || 0) + Math.max(0, waiting.length - most);
    waiting.length = Math.min(waiting.length, most);
    if (held()) announce();
    else {
      const gone = left;
      show();
      if (gone > 0) say("Live, " + gone + " left out", "on");
    }
  };

  const open = () => {
    source = new EventSource(table.dataset.source);
    source.onopen = announce;
    source.onmessage = take;
    source.onerror = () => {
      say(source.readyState === EventSource.CLOSED ? "Stopped: reload to go on" : "Reconnecting…", "off");
    };
  };

  open();
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) announce();
    else show();
  });
  more.addEventListener("click", () => {
    show();
    table.scrollIntoView({ block: "start" });
  });
  window.addEventListener("scroll", () => {
    if (!held() && waiting.length + left > 0) show();
    else announce();
  }, { passive: true });
  document.addEventListener("visibilitychange", () => {
    if (!held()) show();
  });
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (e) => {
    if (e.persisted) open();
  });
}
