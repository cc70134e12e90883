// The inventory: picking rows to edit. Results come and go with htmx, so the document listens.

function picked() {
  return document.querySelectorAll("#pick input[name=id]:checked").length;
}

function show() {
  const n = picked();
  const button = document.querySelector("[data-picked]");
  if (button) {
    button.disabled = n === 0;
    button.textContent = n ? "Edit " + n + " selected" : "Edit selected";
  }
  const all = document.querySelector("[data-pick-all]");
  if (all) {
    all.hidden = false;
    const rows = document.querySelectorAll("#pick input[name=id]").length;
    all.checked = n > 0 && n === rows;
    all.indeterminate = n > 0 && n < rows;
  }
}

let last = null;

document.addEventListener("click", (e) => {
  const box = e.target.closest ? e.target.closest("#pick input[name=id]") : null;
  if (!box) return;
  // With shift, all rows between this one and the last.
  if (e.shiftKey && last && last.isConnected) {
    const rows = [...document.querySelectorAll("#pick input[name=id]")];
    const [from, to] = [rows.indexOf(last), rows.indexOf(box)].sort((a, b) => a - b);
    for (const row of rows.slice(from, to + 1)) row.checked = box.checked;
  }
  last = box;
  show();
});

document.addEventListener("change", (e) => {
  if (!e.target.matches || !e.target.matches("[data-pick-all]")) return;
  for (const row of document.querySelectorAll("#pick input[name=id]")) row.checked = e.target.checked;
  show();
});

// The view that is kept is the one that is seen: after a search the address has changed, the form has not.
document.addEventListener("htmx:afterSettle", () => {
  show();
  const query = document.querySelector("[data-view-query]");
  if (query) {
    const seen = new URLSearchParams(location.search);
    for (const name of ["view", "page", "batch", "done"]) seen.delete(name);
    query.value = seen.toString();
  }
});

show();
