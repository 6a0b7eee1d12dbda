// Checks rows and turns them into the model's matrix: what mlprod/app/rows.py does, in a browser.
// Codes, words and the offsets of time zones come from the page that Python writes, never from the browser.
"use strict";

const rows = (() => {
  const UNKNOWN = -1, MISSING = -2;  // codes of a category that the contract does not list, and of none
  const BLANKS = ["", "NA", "NaN", "nan", "null"];  // what programs write for nothing
  const NUMBER = /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/;
  const MOMENT = new RegExp("^(\\d{4})-(\\d\\d)-(\\d\\d)(?:[T ](\\d\\d):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d+))?)?"
    + "(?:(Z)|([+-])(\\d\\d):(\\d\\d)(?::(\\d\\d))?)?)?$");
  const DAY = 86400, CALENDAR = [-62135596800, 253402300800];  // seconds: the years 1 to 9999

  class ValueRefused extends Error {  // a value breaks the contract; the reason is a problem's
    constructor(text, reason) {
      super(text);
      this.reason = reason;
    }
  }

  function show(value) {  // as JSON, what cannot be seen escaped, shortened
    let text = JSON.stringify(typeof value === "string" ? [...value].slice(0, 40).join("") : value);
    const hex = (unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0");
    text = text.replace(/(?! )[\p{C}\p{Z}]/gu, (one) => one.split("").map(hex).join(""));
    const letters = [...text];
    return letters.length <= 40 ? text : letters.slice(0, 37).join("") + "...";
  }

  // --- moments: seconds since 1970 in UTC, or as local clocks show them

  function placeOf(zone, utc) {  // of the last transition that is not later
    let low = 0, high = zone.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (zone[middle][0] <= utc) low = middle;
      else high = middle;
    }
    return low;
  }

  function toUtc(zone, local) {  // the first of two moments; none where clocks leave it out
    for (let at = placeOf(zone, local - DAY); at < zone.length && (!at || zone[at][0] <= local + DAY); at++) {
      const utc = local - zone[at][1];
      if ((at === 0 || utc >= zone[at][0]) && (at + 1 === zone.length || utc < zone[at + 1][0])) return utc;
    }
    return undefined;
  }

  function readMoment(text, zone) {  // [seconds in UTC, microseconds], or nothing
    const found = MOMENT.exec(text);
    if (!found) return undefined;
    const [year, month, day, hour, minute, second] = found.slice(1, 7).map((digits) => Number(digits ?? 0));
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    if (year < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
    if (hour > 23 || minute > 59 || second > 59) return undefined;
    const local = date.getTime() / 1000 + 3600 * hour + 60 * minute + second;
    const [fraction, utc, sign, ...offset] = found.slice(7);
    const micro = Number((fraction ?? "").slice(0, 6).padEnd(6, "0"));
    if (utc) return [local, micro];
    if (!sign) {
      const seconds = toUtc(zone, local);
      return seconds === undefined ? undefined : [seconds, micro];
    }
    const [hours, minutes, seconds] = offset.map((digits) => Number(digits ?? 0));
    if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
    return [local - (sign === "-" ? -1 : 1) * (3600 * hours + 60 * minutes + seconds), micro];
  }

  const isBefore = (a, b) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
  const remainder = (a, b) => a - b * Math.floor(a / b);

  const PARTS = {  // of a moment, in local seconds
    hour: (local) => Math.floor(remainder(local, DAY) / 3600),
    weekday: (local) => remainder(Math.floor(local / DAY) + 3, 7),  // Monday is 0
    day: (local) => {  // of the year, from 1
      const first = new Date(local * 1000);
      first.setUTCMonth(0, 1);
      first.setUTCHours(0, 0, 0, 0);
      return Math.floor((local - first.getTime() / 1000) / DAY) + 1;
    },
    month: (local) => new Date(local * 1000).getUTCMonth() + 1,
  };

  // --- values: a number, the code of a category, or local seconds; NaN is missing

  const codes = new WeakMap();  // of a column: code by category

  function codesOf(column) {
    if (!codes.has(column)) codes.set(column, new Map(column.values.map((value, code) => [value, code])));
    return codes.get(column);
  }

  function readCategory(value, column) {  // the code, or nothing for what is no category
    if (column.whole && (typeof value === "boolean" || (Number.isInteger(value) && Math.abs(value) <= 2 ** 53)))
      value = String(value);
    if (typeof value !== "string") return undefined;
    if (value.length > column.longest && [...value].length > column.longest) return undefined;
    return codesOf(column).get(value) ?? UNKNOWN;
  }

  function readValue(value, column) {
    const refuse = (reason) => {
      const got = value === null ? "nothing" : show(value);
      throw new ValueRefused(`expected ${column.expected}, got ${got}`, reason);
    };
    if (value === undefined) throw new ValueRefused("expected a value, got no such column", "missing");
    if (value === null) {
      if (!column.optional) refuse("missing");
      return column.kind === "category" ? MISSING : NaN;
    }
    if (column.kind === "number") {
      if (typeof value !== "number") refuse("type");
      if (!(value >= column.ends[0] && value <= column.ends[1])) refuse("range");
      return value;
    }
    if (column.kind === "category") return readCategory(value, column) ?? refuse(typeof value === "string" ? "range" : "type");
    const moment = typeof value === "string" ? readMoment(value, column.transitions) : undefined;
    if (!moment) refuse("type");
    if (isBefore(moment, column.ends[0]) || isBefore(column.ends[1], moment)) refuse("range");
    const local = moment[0] + column.transitions[placeOf(column.transitions, moment[0])][1];
    if (local < CALENDAR[0] || local >= CALENDAR[1]) refuse("range");
    return local;
  }

  // --- texts: a field of the form, a cell of a CSV file

  function readText(text, column) {
    if (column.kind !== "number" || !NUMBER.test(text)) return text;
    return Number.isFinite(Number(text)) ? Number(text) : text;
  }

  const readField = (text, column) => (text.trim() ? readText(text.trim(), column) : null);

  function readCell(text, column) {
    if (BLANKS.includes(text) && !(column.values ?? []).includes(text)) return null;
    return readText(column.kind === "number" ? text.replace(/^ +| +$/g, "") : text, column);
  }

  // --- rows: each a list with a value for each column; the problems' rows are counted from 1

  function encode(table, page) {
    const width = page.features.length, matrix = new Float32Array(table.length * width);
    const problems = [], warnings = [];
    table.forEach((row, i) => {
      const read = page.columns.map((column, k) => {
        try {
          const value = readValue(row[k], column);
          if (column.kind === "category" && value === UNKNOWN)
            warnings.push({ row: i + 1, column: column.name, text: `unknown category ${show(row[k])}`, reason: "unknown" });
          return value;
        } catch (error) {
          if (!(error instanceof ValueRefused)) throw error;
          problems.push({ row: i + 1, column: column.name, text: error.message, reason: error.reason });
          return NaN;
        }
      });
      page.features.forEach(({ column, part }, j) => {
        matrix[i * width + j] = part ? PARTS[part](read[column]) : read[column];
      });
    });
    return { matrix, problems, warnings };
  }

  function nameProblems(names, page) {  // of columns: missing, twice, or not the contract's
    const problems = [], columns = page.columns.map((column) => column.name);
    for (const name of new Set([...columns, ...names])) {
      const times = names.filter((each) => each === name).length;
      if (!times) problems.push(`${name}: expected a value, got no such column`);
      else if (!page.known.includes(name)) problems.push(`${show(name).slice(1, -1)}: expected no such column, got one`);
      else if (times > 1) problems.push(`${name}: expected one such column, got ${times}`);
    }
    return problems;
  }

  return { encode, nameProblems, readCell, readField, show };
})();
