"use strict";
// The dashboard: a slider over the report's own curve, and filters over a sample. It computes no score.
(() => {
  const source = document.getElementById("dashboard-data");
  if (!source) return;
  const page = JSON.parse(source.textContent);
  const { curve, sample } = page;
  const at = (id) => document.getElementById(id);
  const percent = (share) => `${(100 * share).toFixed(1).replace(/\.0$/, "")}%`;
  const number = (value) =>
    Math.abs(value) >= 1000
      ? Math.round(value).toLocaleString("en")
      : String(Number(value.toPrecision(4)));
  const isFigure = (value) => typeof value === "number";

  const make = (tag, text, settings = {}) => {
    const element = document.createElement(tag);
    element.textContent = text; // never as HTML: names and values come from a table
    for (const [name, value] of Object.entries(settings)) element.setAttribute(name, value);
    return element;
  };
  const draw = (tag, settings, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(settings)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };

  // ---- The curve --------------------------------------------------------------------------------

  const showTiles = (point) => {
    const hit = page.labels.length ? percent : (value) => `${number(value)} ${page.amount}`.trim();
    const what = page.labels.length ? `of these are ${page.labels.at(-1)}` : "is their mean";
    const tiles = [
      [what, hit(point.precision)],
      [page.baseline, hit(point.baseline_precision)],
    ];
    if (page.labels.length) {
      tiles.push([`of all that are ${page.labels.at(-1)} are among them`, percent(point.recall)]);
    }
    if (isFigure(point.value)) tiles.push([`${page.unit} per 1,000 rows`, number(point.value)]);
    const pairs = tiles.map(([name, value]) => {
      const pair = make("div", "");
      pair.append(make("dt", name), make("dd", value));
      return pair;
    });
    at("at-share").replaceChildren(...pairs);
  };

  const showChart = (place) => {
    const valued = curve.every((point) => isFigure(point.value));
    const values = curve.map((point) => (valued ? point.value : point.precision));
    const [width, height, left, low] = [640, 240, 70, 34];
    const least = Math.min(0, ...values);
    const most = Math.max(...values) || 1;
    const x = (share) => left + share * (width - left - 16);
    const y = (value) => 14 + ((most - value) / (most - least || 1)) * (height - 14 - low);
    const unit = valued ? `${page.unit} per 1,000 rows` : "precision";
    const picture = draw("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `${unit} for each share of the rows; the tiles above say the numbers`,
    });
    const write = (value) => (valued || !page.labels.length ? number(value) : percent(value));
    const apart = (each, n, all) => all.slice(0, n).every((one) => Math.abs(y(one) - y(each)) > 16);
    for (const value of [0, least, most].filter(apart)) {
      picture.append(
        draw("line", { x1: left, x2: width - 16, y1: y(value), y2: y(value), class: "grid" }),
        draw("text", { x: left - 8, y: y(value) + 5, class: "end" }, write(value)),
      );
    }
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      picture.append(draw("text", { x: x(share), y: height - 8, class: "middle" }, percent(share)));
    }
    const path = curve.map((point, n) => `${n ? "L" : "M"}${x(point.share)} ${y(values[n])}`);
    const spot = curve[place].share;
    picture.append(
      draw("line", { x1: x(spot), x2: x(spot), y1: 14, y2: height - low, class: "grid" }),
      draw("path", { d: path.join(""), class: "curve" }),
      draw("circle", { cx: x(spot), cy: y(values[place]), r: 6, class: "spot" }),
    );
    at("chart").replaceChildren(make("p", unit, { class: "unit" }), picture);
  };

  // ---- The sample -------------------------------------------------------------------------------

  const chosenBy = new Map();
  const scoreOf = (row) =>
    page.labels.length ? `${(100 * row.score).toFixed(1)}%` : `${number(row.score)} ${page.amount}`.trim();

  const listShown = () => {
    const wanted = [...chosenBy].filter(([, value]) => value !== "");
    return sample.rows.filter((row) =>
      wanted.every(([column, value]) =>
        column === "" ? row.decision === value : row.values[sample.columns.indexOf(column)] === value,
      ),
    );
  };

  const showRows = () => {
    const share = curve.length ? curve[Number(at("share").value)].share : null;
    const covered = share === null ? 0 : Math.round(share * sample.rows.length);
    const top = new Set(sample.rows.slice(0, covered)); // among all, as in service; then filtered
    const rows = listShown();
    const chosen = rows.filter((row) => top.has(row));
    const lines = rows.map((row) => {
      const line = make("tr", "", top.has(row) ? { class: "chosen" } : {});
      const mark = share === null ? row.decision : top.has(row) ? "yes" : "no";
      line.append(...[scoreOf(row), mark, row.came, ...row.values].map((text) => make("td", text)));
      return line;
    });
    document.querySelector("#rows tbody").replaceChildren(...lines);
    const hits = chosen.filter((row) => row.came === page.labels.at(-1)).length;
    const came = page.labels.length ? `; ${hits} of these were ${page.labels.at(-1)}` : "";
    at("chosen").textContent =
      share === null
        ? `${rows.length} rows are shown.`
        : `${rows.length} rows are shown; ${chosen.length} of them would be chosen${came}.`;
  };

  const showHead = () => {
    const line = make("tr", "");
    const asked = curve.length ? "chosen" : "answer";
    const names = ["score", asked, "what came", ...sample.columns];
    line.append(...names.map((name) => make("th", name, { scope: "col" })));
    document.querySelector("#rows thead").append(line);
  };

  const addFilter = (column, name, values) => {
    const label = make("label", `${name} `);
    const list = make("select", "");
    list.append(make("option", "all", { value: "" }));
    list.append(...values.map((value) => make("option", value || "(missing)", { value })));
    list.addEventListener("change", () => {
      chosenBy.set(column, list.value);
      showRows();
    });
    label.append(list);
    at("filters").append(label);
  };

  const different = (values) => [...new Set(values)].sort();
  for (const column of sample.filters) {
    const place = sample.columns.indexOf(column);
    addFilter(column, column, different(sample.rows.map((row) => row.values[place])).slice(0, 200));
  }
  if (!curve.length && page.labels.length) addFilter("", "answer", page.labels);
  showHead();
  if (curve.length) {
    const slider = at("share");
    const show = () => {
      const point = curve[Number(slider.value)];
      at("share-shown").textContent = percent(point.share);
      slider.setAttribute("aria-valuetext", percent(point.share));
      showTiles(point);
      showChart(Number(slider.value));
      showRows();
    };
    const today = curve.findIndex((point) => point.share === page.capacity);
    slider.value = String(Math.max(0, today));
    slider.addEventListener("input", show);
    show();
  } else {
    showRows();
  }
})();
