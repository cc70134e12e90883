// Live charts: a figure with data-series is drawn again by uPlot, in the same place and size, and follows what comes.
// Times are UTC, as everywhere.

const axisWidth = 48;
const axisHeight = 22;
const margin = 6; // for the upper half of the topmost number; the sheet takes it back
// Scales end on 1, 2 or 5, as those that the server draws.
const incrs = Array.from({ length: 18 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** (i - 4))).flat();
const per = { s: 1, min: 60, h: 3600 };

const figures = document.querySelectorAll("figure[data-series]");
if (figures.length) load().then(() => figures.forEach(follow));

function load() {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL("uplot.min.js", import.meta.url).href;
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  });
}

// role reads a colour of the stylesheet as it is now, light or dark.
function role(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

function short(v) {
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (v >= size) return +(v / size).toPrecision(3) + unit;
  return String(+v.toPrecision(3));
}

async function follow(figure) {
  const step = Number(figure.dataset.step);
  const fields = [...figure.querySelectorAll("[data-plot]")].map((box) => ({ box, kind: box.dataset.plot, height: Number(box.dataset.height), unit: per[box.dataset.unit] || 1 }));
  let plots = [];
  let items = [];

  // The server's clock counts: what it was when it made the page, and how long ago that is.
  const now = () => Date.parse(document.documentElement.dataset.now) + performance.now();
  const columns = () => items.map((p) => Date.parse(p.at) / 1000 + step / 2);
  const rate = (p, i) => {
    let over = step;
    if (i === items.length - 1) {
      // The last interval is not over: it counts for the part that is.
      const part = (now() - Date.parse(p.at)) / 1000;
      if (part < step / 5 && i > 0) return Math.max(items[i - 1].requests / step, (p.requests * 5) / step);
      if (part > 0) over = Math.min(step, part);
    }
    return p.requests / over;
  };
  const data = (field) =>
    field.kind === "rate"
      ? [columns(), items.map((p, i) => rate(p, i) * field.unit)]
      : [columns(), items.map((p) => p.server_errors + p.blocked), items.map((p) => p.server_errors)];

  async function fetchItems() {
    const from = new Date(now() - Number(figure.dataset.span) * 1e3).toISOString();
    const answer = await fetch(figure.dataset.series + "&from=" + encodeURIComponent(from), { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    items = (await answer.json()).items;
  }

  function options(field) {
    const muted = role("muted");
    const grid = role("line");
    const font = "11px Inter, system-ui, sans-serif";
    const bar = { paths: uPlot.paths.bars({ size: [0.76] }), points: { show: false }, width: 0 };
    const series =
      field.kind === "rate"
        ? [{}, { stroke: role("chart"), fill: role("chart-soft"), width: 1.75, points: { show: false } }]
        : [{}, { ...bar, fill: role("chart-block") }, { ...bar, fill: role("chart-error") }];
    const last = field.kind === "bad";
    return {
      width: field.box.clientWidth,
      height: field.height + margin + (last ? axisHeight : margin),
      padding: [margin, 0, last ? 0 : margin, 0],
      tzDate: (t) => uPlot.tzDate(new Date(t * 1e3), "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, sync: { key: figure.dataset.series }, points: { show: field.kind === "rate" }, drag: { x: false, y: false } },
      scales: {
        x: { range: () => [Date.parse(items[0].at) / 1000, Date.parse(items[items.length - 1].at) / 1000 + step] },
        y: { range: (_, __, most) => [0, Math.max(field.kind === "rate" ? 1e-9 : 1, most) * 1.05] },
      },
      axes: [
        { show: last, size: axisHeight, font, stroke: muted, grid: { show: false }, ticks: { show: false }, gap: 6, values: times, space: 56 },
        { size: axisWidth, font, stroke: muted, gap: 8, grid: { stroke: grid, width: 1 }, ticks: { show: false }, space: 40, incrs, values: (_, all) => all.map((v) => (field.kind === "bad" && v % 1 ? "" : short(v))) },
      ],
      series,
      hooks: { setCursor: [say] },
    };
  }

  // A label at the right edge would be cut off: it is left out, as where the server draws.
  function times(plot, all) {
    const { min, max } = plot.scales.x;
    const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", timeZone: "UTC" });
    const far = all.length > 1 && all[1] - all[0] >= 4 * 3600;
    return all.map((t) => (t - min > 0.97 * (max - min) ? "" : far && t % 86400 === 0 ? day.format(t * 1e3) : new Date(t * 1e3).toISOString().slice(11, 16)));
  }

  // The legend says what is under the pointer, and the sums again when it leaves.
  const legends = fields.map((f) => [...f.box.querySelectorAll(".what b")]);
  const sums = legends.map((all) => all.map((b) => b.textContent));

  function say(plot) {
    const i = plot.cursor.idx;
    fields.forEach((field, n) => {
      const p = i == null ? undefined : items[i];
      legends[n].forEach((b, k) => {
        if (!p) b.textContent = sums[n][k];
        else if (field.kind === "rate") b.textContent = short(rate(p, i) * field.unit) + " at " + new Date(p.at).toISOString().slice(11, 16);
        else b.textContent = String(k === 0 ? p.server_errors : p.blocked);
      });
    });
  }

  function draw() {
    plots.forEach((p) => p.destroy());
    plots = fields.map((field) => {
      const place = field.box.querySelector(".live") || document.createElement("div");
      place.className = "live";
      for (const drawn of field.box.querySelectorAll(":scope > svg")) drawn.remove();
      field.box.append(place);
      return new uPlot(options(field), data(field), place);
    });
  }

  const wait = Math.min(60, Math.max(10, step / 6)) * 1000;
  try {
    await fetchItems();
  } catch {
    return; // what the server drew stays
  }
  if (items.length < 2) return;
  await document.fonts.ready;
  draw();
  new ResizeObserver(() => plots.forEach((p, n) => p.setSize({ width: fields[n].box.clientWidth, height: p.height }))).observe(figure);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  setInterval(async () => {
    if (document.hidden) return;
    try {
      await fetchItems();
      plots.forEach((p, n) => p.setData(data(fields[n])));
    } catch {
      // The next round may work; what stands there stays.
    }
  }, wait);
}
