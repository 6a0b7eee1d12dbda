// Reads and writes CSV: quotes as RFC 4180 says; commas, semicolons or tabs between the values.
"use strict";

const csv = (() => {
  const BLANK = /^[ \t]*$/;

  function findMark(line) {  // what stands between values: the commonest in the header
    const count = (mark) => line.split(mark).length;
    return [",", ";", "\t"].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
  }

  function parse(text) {  // { mark, records }: each record a list of texts; blank lines are left out
    text = text.replace(/^\ufeff/, "");
    const mark = findMark(text.slice(0, text.search(/[\r\n]|$/))), records = [];
    let record = [], at = 0;
    const close = () => {
      if (record.length > 1 || !BLANK.test(record[0])) records.push(record);
      record = [];
    };
    while (at < text.length) {
      let value = "";
      if (text[at] === '"') {
        for (at++; ; at += 2) {
          const end = text.indexOf('"', at);
          if (end < 0) throw new Error(`record ${records.length}: expected a quote that closes, got none`);
          value += text.slice(at, end);
          at = end;
          if (text[end + 1] !== '"') break;
          value += '"';
        }
        at++;
      }
      const from = at;
      while (at < text.length && text[at] !== mark && text[at] !== "\n" && text[at] !== "\r") at++;
      record.push(value + text.slice(from, at));
      if (text[at] === mark) {
        at++;
        if (at === text.length) record.push("");
      }
      else {
        at += text.startsWith("\r\n", at) ? 2 : 1;
        close();
      }
    }
    if (record.length) close();
    return { mark, records };
  }

  function write(value, mark) {  // no text that a spreadsheet would take for a formula
    let text = String(value);
    if (typeof value === "string" && /^ *[=+\-@\t\r]/.test(text) && !/^-?[0-9.]+(e[-+]?[0-9]+)?$/i.test(text)) text = "'" + text;
    return text.includes(mark) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  const writeRecord = (values, mark) => values.map((value) => write(value, mark)).join(mark) + "\r\n";

  return { parse, writeRecord };
})();
