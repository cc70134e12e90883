// What every page shares: filters that send themselves, menus and dialogs that close, keys, and times that stay true.
// Every page works without it.

for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", (e) => {
    if (e.target.type !== "search") form.requestSubmit();
  });
  // Empty filters make long addresses that nobody wants to share.
  form.addEventListener("submit", () => {
    for (const field of form.elements) {
      if (field.name && !field.value) field.disabled = true;
    }
  });
}

window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[data-auto] :disabled")) field.disabled = false;
});

// Menus close when one looks elsewhere.
const menus = "details.menu[open], .bar > details[open]";

function closeMenus(except) {
  for (const open of document.querySelectorAll(menus)) {
    if (except && open.contains(except)) continue;
    const inside = open.contains(document.activeElement);
    open.open = false;
    if (!except && inside) open.querySelector("summary").focus();
  }
}

document.addEventListener("click", (e) => closeMenus(e.target));

// Buttons that need a script are hidden until there is one.
for (const button of document.querySelectorAll("[data-opens]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}

for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    const said = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = said), 1500);
  });
}

// Keys: / searches, g and a letter goes to a place, ? lists them. Nothing is taken from somebody who writes.
let going = 0;

document.addEventListener("keydown", (e) => {
  if (e.key === "Escape") return closeMenus();
  const at = document.activeElement;
  if (e.ctrlKey || e.metaKey || e.altKey || at.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName)) return;
  if (Date.now() - going < 1200) {
    going = 0;
    const link = document.querySelector(`.side nav a[data-key="${CSS.escape(e.key)}"]`);
    if (link) {
      e.preventDefault();
      link.click();
    }
    return;
  }
  if (e.key === "g") going = Date.now();
  if (e.key === "?") {
    const keys = document.getElementById("keys");
    if (keys && !keys.open) keys.showModal();
  }
  if (e.key === "/") {
    const search = document.querySelector("main input[type=search]");
    if (search) {
      e.preventDefault();
      search.focus();
      search.select();
    }
  }
});

// "3 min ago" is a lie a minute later.
function ago(seconds) {
  if (seconds < -60) return "ahead";
  if (seconds < 5) return "now";
  if (seconds < 60) return Math.floor(seconds) + " s ago";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min ago";
  if (seconds < 48 * 3600) return Math.floor(seconds / 3600) + " h ago";
  return Math.floor(seconds / 86400) + " d ago";
}

// The server's clock counts, not this machine's: what matters is how long this page has been open.
const served = Date.parse(document.documentElement.dataset.now || "");
const opened = performance.now();

if (served) {
  setInterval(() => {
    if (document.hidden) return;
    const now = served + performance.now() - opened;
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const text = ago((now - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  }, 15000);
}

// A form of htmx that fails says so where the page says such things.
document.addEventListener("htmx:responseError", () => location.reload());
