// The demo: draws the form from the page of data (model.js), scores rows here, and sends nothing anywhere.
"use strict";

(() => {
  const SLICE = 250, MOST_ROWS = 50000, MOST_BYTES = 20e6;  // of a file
  const ADDED = ["score", "decision", "warnings", "problem"];  // columns behind the file's own
  const page = demoPage;  // from model.js
  const find = (id) => document.getElementById(`demo-${id}`);
  const readable = (name) => name.replaceAll("_", " ").replace(/^./u, (first) => first.toUpperCase());

  function make(tag, attributes = {}, ...children) {
    const space = ["svg", "rect"].includes(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
    const element = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes))
      if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    element.append(...children);
    return element;
  }

  const say = (text, kind) => make("p", { class: kind && `demo-${kind}` }, text);

  // --- from rows to answers

  function start() {  // the model: matrix → scores of each row; fails for an operator that is not known
    const text = atob(page.model), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const run = onnx.load(bytes), width = page.features.length, labels = page.labels.length || 1;
    return (matrix) => {
      const n = matrix.length / width, { data } = n ? run(matrix, n, width) : { data: [] };
      return Array.from({ length: n }, (_, i) => data.subarray(i * labels, (i + 1) * labels));
    };
  }

  function decide(scores) {  // the score that counts, and act or leave, the likeliest label, or none
    const last = scores[scores.length - 1];
    if (page.threshold !== null) return [last, last >= page.threshold ? "act" : "leave"];
    if (!page.labels.length) return [last, "none"];
    const best = scores.indexOf(Math.max(...scores));
    return [scores[best], page.labels[best]];
  }

  // --- figures for people: two digits of the step, and enough to tell score and threshold apart

  function countDigits(score, step) {
    let digits = step ? Math.max(0, Math.min(9, 1 - Math.floor(Math.log10(step)))) : 0;
    while (digits < 9 && page.threshold !== null && page.threshold !== score
      && score.toFixed(digits) === page.threshold.toFixed(digits)) digits++;
    return digits;
  }

  function writeFigures(score) {
    const step = page.labels.length ? 0.1 : page.interval || Math.abs(score) / 10;
    const digits = countDigits(score, step), unit = page.labels.length || !page.unit ? "" : ` ${page.unit}`;
    const write = (value) => value === null ? "" : (Math.abs(value) >= 1e15 ? value.toPrecision(3)
      : (Number(value.toFixed(digits)) + 0).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })) + unit;
    return { score: write(score), threshold: write(page.threshold), interval: write(page.interval) };
  }

  // --- the form

  function drawField(column) {
    const id = `demo-field-${page.columns.indexOf(column)}`, described = `${id}-hint ${id}-problem`;
    const common = { id, "data-name": column.name, "aria-required": column.optional ? undefined : "true", "aria-describedby": described };
    const limits = column.kind === "moment" ? `; local time in ${column.zone}`
      : column.kind === "number" ? `; ${column.shown.join(" to ")}` : "";
    const hint = column.description + limits + (column.optional ? "; may stay empty" : "");
    let field;
    if (column.kind === "category") {
      field = make("select", common);
      if (column.optional) field.append(make("option", { value: "" }, "not known"));
      for (const value of column.values) field.append(make("option", { value, selected: value === column.text }, value));
      let other = "another";
      while (column.values.includes(other)) other += " one";
      field.append(make("option", { value: other }, `${other}, which the model does not know`));
    } else if (column.kind === "number") {
      field = make("input", { ...common, type: "text", inputmode: "decimal", autocomplete: "off", value: column.text });
    } else {
      field = make("input", { ...common, type: "datetime-local", min: column.shown[0], max: column.shown[1], value: column.text });
    }
    const unit = column.unit ? [" ", make("span", { class: "demo-quiet" }, `in ${column.unit}`)] : [];
    return make("div", { class: "demo-field" }, make("label", { for: id }, readable(column.name), ...unit),
      make("p", { class: "demo-hint", id: `${id}-hint` }, hint), field,
      make("p", { class: "demo-problem", id: `${id}-problem` }));
  }

  function explain(text, column, problem) {  // to a person, what is wrong with a field
    if (!text.trim()) return "expected a value, got nothing";
    if (column.kind !== "moment") return problem.text;
    const [first, last] = column.shown.map((end) => end.replace("T", " "));
    return `expected a time that clocks in ${column.zone} show, from ${first} to ${last}`;
  }

  function showProblems(fields, problems) {
    const wrong = fields.filter((field, k) => {
      const column = page.columns[k], problem = problems.find((each) => each.column === column.name);
      document.getElementById(`${field.id}-problem`).textContent = problem ? explain(field.value, column, problem) : "";
      if (problem) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
      return problem;
    });
    if (wrong.length) {
      const text = `${wrong.length} ${wrong.length === 1 ? "field needs" : "fields need"} another look`;
      const names = wrong.map((field) => readable(field.dataset.name)).join(", ");
      find("answer").replaceChildren(say(text, "headline"), say(names));
      wrong[0].focus();
    }
    return wrong.length > 0;
  }

  function drawBar(score, threshold) {
    const percent = (share) => `${(100 * share).toFixed(1)}%`;
    const bar = make("svg", { class: "demo-bar", "aria-hidden": "true" },
      make("rect", { class: "demo-whole", width: "100%", height: "100%" }),
      make("rect", { class: "demo-score", width: percent(score), height: "100%" }));
    if (threshold) bar.append(make("rect", { class: "demo-mark", x: percent(threshold), width: 2, height: "100%" }));
    return bar;
  }

  function drawAnswer(scores, warnings) {
    const [score, decision] = decide(scores), figures = writeFigures(score), acts = decision === "act";
    const parts = [], verdict = page.threshold === null ? ""
      : `${acts ? ", at or above" : ", below"} the threshold of ${figures.threshold}: ${acts ? page.decision.action : "nothing to do"}.`;
    if (!page.labels.length) {
      parts.push(say(verdict ? readable(decision) : figures.score, "headline"));
      if (verdict) parts.push(say(`Estimate ${figures.score}${verdict}`));
      const held = figures.interval ? `; ± ${figures.interval} held in 90% of earlier cases` : "";
      parts.push(say(`The estimate is of “${page.target}”${held}.`, "quiet"));
    } else if (verdict) {
      parts.push(say(readable(decision), "headline"), say(`Score ${figures.score}${verdict}`), drawBar(score, page.threshold));
      const label = page.labels[page.labels.length - 1];
      parts.push(say(`The score is the estimated probability of “${label}”; the line marks the threshold.`, "quiet"));
    } else {
      const list = make("dl", { class: "demo-scores" });
      page.labels.forEach((label, i) => list.append(make("dt", {}, label),
        make("dd", {}, drawBar(scores[i]), make("span", {}, scores[i].toFixed(2)))));
      const text = `The likeliest of ${page.labels.length}, with a score of ${figures.score}: ${page.decision.action}.`;
      parts.push(say(decision, "headline"), say(text), list);
    }
    for (const { column, text } of warnings)
      parts.push(say(`Warning: ${column}: ${text}. The model has not seen it, and scores the row without it.`, "warning"));
    find("answer").replaceChildren(...parts);
  }

  function answerForm(fields, score) {
    const texts = fields.map((field) => field.value);
    const row = texts.map((text, k) => rows.readField(text, page.columns[k]));
    const { matrix, problems, warnings } = rows.encode([row], page);
    if (!showProblems(fields, problems)) drawAnswer(score(matrix)[0], warnings);
  }

  // --- a file: scored in slices, so that the page answers meanwhile

  function readTable(text) {  // { mark, names, places, records }
    const { mark, records } = csv.parse(text), [names, ...others] = records;
    if (!others.length) throw new Error("expected a line of names and rows below it, got none");
    if (others.length > MOST_ROWS) throw new Error(`expected at most ${MOST_ROWS} rows, got ${others.length}`);
    const wrong = rows.nameProblems(names, page);
    const clash = ADDED.find((name) => names.includes(name));
    if (clash) wrong.push(`${clash}: expected another name, for the result has a column of this one`);
    if (wrong.length) throw new Error([...wrong.slice(0, 3), ...(wrong.length > 3 ? [`and ${wrong.length - 3} more`] : [])].join("; "));
    return { mark, names, places: page.columns.map((column) => names.indexOf(column.name)), records: others };
  }

  function scoreSlice({ names, places, records, mark }, from, score) {  // lines of the result, and what is wrong
    const slice = records.slice(from, from + SLICE), bad = new Map(), warned = new Map();
    const note = (where, row, text) => where.set(row, [...(where.get(row) ?? []), text]);
    const table = slice.map((record) => places.map((place, k) => rows.readCell(record[place] ?? "", page.columns[k])));
    const { matrix, problems, warnings } = rows.encode(table, page);
    slice.forEach((record, i) => {
      if (record.length !== names.length) bad.set(i, [`expected ${names.length} values, got ${record.length}`]);
    });
    for (const { row, column, text } of problems) if (slice[row - 1].length === names.length) note(bad, row - 1, `${column}: ${text}`);
    for (const { row, column, text } of warnings) if (!bad.has(row - 1)) note(warned, row - 1, `${column}: ${text}`);
    const lines = score(matrix).map((scores, i) => {
      const answer = bad.has(i) ? ["", ""] : decide(scores);
      const own = Array.from(names, (_, k) => slice[i][k] ?? "");
      return csv.writeRecord([...own, ...answer, (warned.get(i) ?? []).join("; "), (bad.get(i) ?? []).join("; ")], mark);
    });
    return { lines, warned: warned.size, problems: [...bad].map(([i, texts]) => `row ${from + i + 1}: ${texts.join("; ")}`) };
  }

  const pause = () => new Promise((resume) => setTimeout(resume));

  async function scoreFile(file, score, progress) {
    if (file.size > MOST_BYTES) throw new Error(`expected at most ${MOST_BYTES / 1e6} MB, got ${(file.size / 1e6).toFixed(0)}`);
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch {
      throw new Error("expected a text file in UTF-8, got something else");
    }
    const table = readTable(text), total = table.records.length, lines = [], problems = [];
    let warned = 0;
    for (let from = 0; from < total; from += SLICE) {
      progress(from / total);
      await pause();
      const slice = scoreSlice(table, from, score);
      lines.push(...slice.lines);
      problems.push(...slice.problems);
      warned += slice.warned;
    }
    const head = csv.writeRecord([...table.names, ...ADDED], table.mark);
    return { content: [head, ...lines], rows: total, problems, warned };
  }

  function drawOutcome(file, outcome, seconds) {
    const number = (value) => value.toLocaleString("en"), scored = outcome.rows - outcome.problems.length;
    const link = make("a", { class: "demo-download", download: file.name.replace(/\.[^.]*$/, "") + "-scored.csv",
      href: URL.createObjectURL(new Blob(outcome.content, { type: "text/csv" })) }, "Save the scored file");
    const counts = `${number(scored)} of ${number(outcome.rows)} rows scored in ${seconds.toFixed(1)} s, `
      + `${number(outcome.warned)} of them with a warning.`;
    const first = outcome.problems.slice(0, 5).map((problem) => make("li", {}, problem));
    find("outcome").replaceChildren(say(counts), ...(first.length ? [make("ul", {}, ...first)] : []), make("p", {}, link));
  }

  async function takeFile(file, score) {
    const bar = find("progress"), outcome = find("outcome"), began = performance.now();
    if (!file || !bar.hidden) return;  // one at a time
    outcome.querySelectorAll("a").forEach((link) => URL.revokeObjectURL(link.href));
    outcome.replaceChildren(say(`Scoring ${file.name} …`));
    bar.hidden = false;
    try {
      const scored = await scoreFile(file, score, (share) => (bar.value = share));
      drawOutcome(file, scored, (performance.now() - began) / 1000);
    } catch (error) {
      outcome.replaceChildren(say(`${file.name}: ${error.message}`, "warning"));
    } finally {
      find("csv").value = "";
      bar.hidden = true;
    }
  }

  function listenForFiles(score) {
    const place = find("file");
    find("csv").addEventListener("change", (event) => takeFile(event.target.files[0], score));
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      place.classList.add("demo-over");
    });
    for (const name of ["dragleave", "drop"]) place.addEventListener(name, () => place.classList.remove("demo-over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      takeFile(event.dataTransfer.files[0], score);
    });
  }

  // --- all of it

  function refuse(error) {  // the model needs more than this page knows
    const link = page.app ? make("a", { href: page.app }, "the app") : "the app (mlprod serve)";
    find("answer").replaceChildren(say("This model does not run in a browser", "headline"),
      make("p", {}, "Ask ", link, " instead: it scores the same rows."), say(error.message, "quiet"));
  }

  function draw() {
    const { owner, made } = page.decision;
    find("question").textContent = page.question;
    find("owner").textContent = `Decides: ${owner}, ${made}.`;
    find("version").textContent = `${page.project}, version ${page.version}`;
    let score;
    try {
      score = start();
    } catch (error) {
      refuse(error);
      return;
    }
    const form = find("form"), fields = page.columns.map(drawField);
    form.prepend(...fields);
    const inputs = fields.map((field) => field.querySelector("input, select"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answerForm(inputs, score);
    });
    listenForFiles(score);
    form.hidden = find("file").hidden = false;
    answerForm(inputs, score);
  }

  draw();
})();
