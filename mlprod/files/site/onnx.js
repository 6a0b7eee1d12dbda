// Runs the models that mlprod writes, in a browser: the operators of its estimators and no others.
// A model with another operator is refused when it is loaded. Numbers have the types that ONNX says,
// so float32 stays float32.
"use strict";

const onnx = (() => {
  const [FLOAT, INT32, INT64, BOOL, DOUBLE] = [1, 6, 7, 9, 11];
  const STORE = { [FLOAT]: Float32Array, [INT32]: Int32Array, [INT64]: Float64Array,
    [BOOL]: Uint8Array, [DOUBLE]: Float64Array };

  // --- reading: protocol buffers, fields by number

  function readVarint(bytes, from) {  // the number, and the place behind it
    let value = 0, place = from;
    do value += (bytes[place] & 127) * 2 ** (7 * (place - from));
    while (bytes[place++] & 128);
    if (place - from < 10) return [value, place];
    value = 0n;  // ten bytes: below zero
    for (let i = place - 1; i >= from; i--) value = (value << 7n) | BigInt(bytes[i] & 127);
    return [Number(BigInt.asIntN(64, value)), place];
  }

  function readMessage(bytes) {
    const fields = {}, view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let place = 0, tag, value, length;
    while (place < bytes.length) {
      [tag, place] = readVarint(bytes, place);
      const kind = tag & 7;
      if (kind === 0) [value, place] = readVarint(bytes, place);
      else if (kind === 1) (value = view.getFloat64(place, true)), (place += 8);
      else if (kind === 5) (value = view.getFloat32(place, true)), (place += 4);
      else if (kind === 2) {
        [length, place] = readVarint(bytes, place);
        value = bytes.subarray(place, (place += length));
      } else throw new Error(`model: expected protocol buffers, got wire type ${kind}`);
      (fields[tag >> 3] ??= []).push(value);
    }
    return fields;
  }

  const text = (bytes) => new TextDecoder().decode(bytes);
  const texts = (field) => (field ?? []).map(text);

  function readVarints(field = []) {  // packed, or one after the other
    const values = [];
    for (const each of field) {
      if (typeof each === "number") values.push(each);
      else for (let place = 0, value; place < each.length; values.push(value)) [value, place] = readVarint(each, place);
    }
    return values;
  }

  function readFixed(field = [], size) {  // floats (4 bytes) or doubles (8)
    const values = [];
    for (const each of field) {
      if (typeof each === "number") values.push(each);
      else {
        const view = new DataView(each.buffer, each.byteOffset, each.byteLength);
        for (let at = 0; at < each.byteLength; at += size)
          values.push(size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
      }
    }
    return values;
  }

  function readTensor(bytes) {
    const fields = readMessage(bytes), type = fields[2][0], dims = readVarints(fields[1]);
    if (!STORE[type]) throw new Error(`model: expected numbers, got a tensor of type ${type}`);
    let values = { [FLOAT]: readFixed(fields[4], 4), [INT64]: readVarints(fields[7]),
      [DOUBLE]: readFixed(fields[10], 8) }[type] ?? readVarints(fields[5]);
    if (fields[9] && fields[9][0].length) {
      const raw = fields[9][0], view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
      const [size, read] = {
        [FLOAT]: [4, (at) => view.getFloat32(at, true)], [DOUBLE]: [8, (at) => view.getFloat64(at, true)],
        [INT32]: [4, (at) => view.getInt32(at, true)], [BOOL]: [1, (at) => raw[at]],
        [INT64]: [8, (at) => Number(view.getBigInt64(at, true))],
      }[type];
      values = Array.from({ length: raw.length / size }, (_, i) => read(size * i));
    }
    return tensor(type, dims, values);
  }

  function readAttribute(bytes) {
    const fields = readMessage(bytes);
    const readers = { 1: () => fields[2]?.[0] ?? 0, 2: () => readVarints(fields[3])[0] ?? 0,
      3: () => text(fields[4]?.[0] ?? new Uint8Array()), 4: () => readTensor(fields[5][0]),
      6: () => readFixed(fields[7], 4), 7: () => readVarints(fields[8]), 8: () => texts(fields[9]) };
    const kind = fields[20]?.[0];
    if (!readers[kind]) throw new Error(`model: expected an attribute that can be read, got type ${kind}`);
    return [text(fields[1][0]), readers[kind]()];
  }

  function readNode(bytes) {
    const fields = readMessage(bytes);
    return { inputs: texts(fields[1]), outputs: texts(fields[2]), name: text(fields[4][0]),
      with: Object.fromEntries((fields[5] ?? []).map(readAttribute)) };
  }

  // --- tensors: a type, dimensions, and the numbers row by row

  const count = (dims) => dims.reduce((a, b) => a * b, 1);
  const tensor = (type, dims, values) => ({ type, dims, data: STORE[type].from(values) });
  const empty = (type, dims) => ({ type, dims, data: new STORE[type](count(dims)) });
  const last = (dims) => dims[dims.length - 1];

  function map(x, change, type = x.type) {
    const y = empty(type, x.dims);
    for (let i = 0; i < y.data.length; i++) y.data[i] = change(x.data[i]);
    return y;
  }

  function combine(a, b, join) {  // dimensions of one are stretched to those of the other
    const rank = Math.max(a.dims.length, b.dims.length);
    const [left, right] = [a, b].map((x) => [...Array(rank - x.dims.length).fill(1), ...x.dims]);
    const y = empty(a.type, left.map((size, i) => Math.max(size, right[i])));
    const at = (dims, i) => {
      let place = 0, step = 1;
      for (let axis = rank - 1; axis >= 0; axis--) {
        const here = i % y.dims[axis];
        if (dims[axis] > 1) place += here * step;
        step *= dims[axis];
        i = (i - here) / y.dims[axis];
      }
      return place;
    };
    for (let i = 0; i < y.data.length; i++) y.data[i] = join(a.data[at(left, i)], b.data[at(right, i)]);
    return y;
  }

  function take(x, places, axis) {  // rows, columns … by their places
    axis = (axis + x.dims.length) % x.dims.length;
    const inner = count(x.dims.slice(axis + 1)), outer = count(x.dims.slice(0, axis));
    const y = empty(x.type, x.dims.with(axis, places.length));
    let to = 0;
    for (let o = 0; o < outer; o++)
      for (const place of places) {
        const from = (o * x.dims[axis] + place) * inner;
        y.data.set(x.data.subarray(from, from + inner), to);
        to += inner;
      }
    return y;
  }

  function concat(parts, axis) {
    axis = (axis + parts[0].dims.length) % parts[0].dims.length;
    const sizes = parts.map((part) => count(part.dims.slice(axis)));
    const width = parts.reduce((sum, part) => sum + part.dims[axis], 0);
    const y = empty(parts[0].type, parts[0].dims.with(axis, width));
    let to = 0;
    for (let o = 0; o < count(y.dims.slice(0, axis)); o++)
      parts.forEach((part, k) => {
        y.data.set(part.data.subarray(o * sizes[k], (o + 1) * sizes[k]), to);
        to += sizes[k];
      });
    return y;
  }

  function multiply(a, b) {
    const [n, m] = a.dims, k = last(b.dims), y = empty(a.type, [n, k]);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < k; j++) {
        let sum = 0;
        for (let l = 0; l < m; l++) sum += a.data[i * m + l] * b.data[l * k + j];
        y.data[i * k + j] = sum;
      }
    return y;
  }

  function softmax(x) {  // over the last dimension
    const y = empty(x.type, x.dims), width = last(x.dims);
    for (let i = 0; i < y.data.length; i += width) {
      const row = x.data.subarray(i, i + width), top = Math.max(...row);
      const powers = Array.from(row, (value) => Math.exp(value - top));
      const sum = powers.reduce((a, b) => a + b, 0);
      powers.forEach((power, j) => (y.data[i + j] = power / sum));
    }
    return y;
  }

  function sumOver(x, axes, keep) {  // over the last dimension, as our models do
    const width = last(x.dims), dims = x.dims.slice(0, -1), y = empty(x.type, keep ? [...dims, 1] : dims);
    if (axes.length !== 1 || (axes[0] + x.dims.length) % x.dims.length !== x.dims.length - 1)
      throw new Error("model: expected a sum over the last dimension, got another");
    for (let i = 0; i < x.data.length; i++) y.data[Math.floor(i / width)] += x.data[i];
    return y;
  }

  function hot(x, categories) {
    const y = empty(FLOAT, [...x.dims, categories.length]);
    const places = new Map(categories.map((value, place) => [value, place]));
    x.data.forEach((value, i) => {
      const place = places.get(value);
      if (place !== undefined) y.data[i * categories.length + place] = 1;
    });
    return y;
  }

  const logistic = (x) => 1 / (1 + Math.exp(-x));

  // --- trees

  const TESTS = { BRANCH_LEQ: (x, t) => x <= t, BRANCH_LT: (x, t) => x < t, BRANCH_GTE: (x, t) => x >= t,
    BRANCH_GT: (x, t) => x > t, BRANCH_EQ: (x, t) => x === t, BRANCH_NEQ: (x, t) => x !== t };

  function plantTrees(given, prefix) {  // prefix: class or target, of the leaves' weights
    const ids = given.nodes_nodeids, trees = given.nodes_treeids, places = new Map(), n = ids.length;
    for (let i = 0; i < n; i++) places.set(trees[i] * 2 ** 26 + ids[i], i);
    const follow = (field) => Int32Array.from(given[field], (id, i) => places.get(trees[i] * 2 ** 26 + id) ?? -1);
    const leaves = Array.from({ length: n }, () => []);
    given[`${prefix}_ids`].forEach((id, i) => {
      const place = places.get(given[`${prefix}_treeids`][i] * 2 ** 26 + given[`${prefix}_nodeids`][i]);
      leaves[place].push([id, given[`${prefix}_weights`][i]]);
    });
    const tests = given.nodes_modes.map((mode) => {
      if (mode !== "LEAF" && !TESTS[mode]) throw new Error(`model: expected a known branch, got ${mode}`);
      return TESTS[mode];
    });
    return { tests, leaves, features: given.nodes_featureids, thresholds: Float32Array.from(given.nodes_values),
      yes: follow("nodes_truenodeids"), no: follow("nodes_falsenodeids"),
      missing: given.nodes_missing_value_tracks_true ?? [],
      roots: trees.map((tree, i) => i).filter((i) => i === 0 || trees[i] !== trees[i - 1]) };
  }

  function climb(trees, row, sums) {  // sums: float32, in the order of the trees, so that ties stay ties
    for (let at of trees.roots) {
      while (trees.tests[at]) {
        const x = row[trees.features[at]];
        const yes = x !== x ? trees.missing[at] : trees.tests[at](x, trees.thresholds[at]);
        at = yes ? trees.yes[at] : trees.no[at];
      }
      for (const [id, weight] of trees.leaves[at]) sums[id] += weight;
    }
  }

  function classify(given) {
    const trees = plantTrees(given, "class"), labels = given.classlabels_int64s.length;
    const base = given.base_values ?? [], transform = given.post_transform ?? "NONE";
    const one = labels === 2 && new Set(given.class_ids).size === 1;  // a weight for one label says both
    const positive = given.class_weights.every((weight) => weight >= 0);
    return (x) => {
      const width = last(x.dims), y = empty(FLOAT, [x.dims[0], labels]), sums = new Float32Array(labels);
      for (let i = 0; i < x.dims[0]; i++) {
        sums.fill(0);
        climb(trees, x.data.subarray(i * width, (i + 1) * width), sums);
        let scores = Array.from(sums, (sum, label) => Math.fround(sum + (base[label] ?? 0)));
        if (one) {
          const sum = Math.fround(sums[given.class_ids[0]] + (base.length === 1 ? base[0] : base[1] ?? 0));
          if (positive && transform === "NONE") scores = [1 - sum, sum];
          else scores = transform === "LOGISTIC" ? [logistic(-sum), logistic(sum)] : [-sum, sum];
        } else if (transform === "LOGISTIC") scores = scores.map(logistic);
        else if (transform === "SOFTMAX") scores = softmax(tensor(DOUBLE, [labels], scores)).data;
        y.data.set(scores, i * labels);
      }
      return [null, y];
    };
  }

  function regress(given) {
    const trees = plantTrees(given, "target"), targets = given.n_targets ?? 1, base = given.base_values ?? [];
    const share = given.aggregate_function === "AVERAGE" ? trees.roots.length : 1;
    return (x) => {
      const width = last(x.dims), y = empty(FLOAT, [x.dims[0], targets]), sums = new Float32Array(targets);
      for (let i = 0; i < x.dims[0]; i++) {
        sums.fill(0);
        climb(trees, x.data.subarray(i * width, (i + 1) * width), sums);
        sums.forEach((sum, target) => (y.data[i * targets + target] = Math.fround(sum / share) + (base[target] ?? 0)));
      }
      return [y];
    };
  }

  // --- the operators: each takes what stands in the model, and gives a function of tensors

  const each = (change) => () => (x) => [map(x, change)];
  const both = (join) => () => (a, b) => [combine(a, b, join)];
  const OPERATORS = {
    Abs: each(Math.abs), Exp: each(Math.exp), Relu: each((x) => Math.max(0, x)), Sigmoid: each(logistic),
    Neg: each((x) => -x), Sqrt: each(Math.sqrt), Not: each((x) => !x), Identity: () => (x) => [x],
    Add: both((a, b) => a + b), Sub: both((a, b) => a - b), Mul: both((a, b) => a * b),
    Div: both((a, b) => a / b), MatMul: () => (a, b) => [multiply(a, b)],
    Sum: () => (...parts) => [parts.reduce((a, b) => combine(a, b, (x, y) => x + y))],
    Cast: ({ to }) => (x) => [map(x, to === INT64 || to === INT32 ? Math.trunc : to === BOOL ? (v) => v !== 0 : Number, to)],
    Concat: ({ axis }) => (...parts) => [concat(parts, axis)],
    Constant: ({ value }) => () => [value],
    Gather: ({ axis = 0 }) => (x, places) => [take(x, [...places.data], axis)],
    ArrayFeatureExtractor: () => (x, places) => [take(x, [...places.data], -1)],
    Reshape: () => (x, shape) => {
      const dims = [...shape.data].map((size, i) => (size === 0 ? x.dims[i] : size));
      const known = dims.filter((size) => size > 0).reduce((a, b) => a * b, 1);
      return [{ ...x, dims: dims.map((size) => (size < 0 ? x.data.length / known : size)) }];
    },
    ReduceSum: ({ axes, keepdims = 1 }) => (x, given) => [sumOver(x, axes ?? [...given.data], keepdims)],
    Softmax: () => (x) => [softmax(x)],
    Imputer: (given) => (x) => {
      const fills = given.imputed_value_floats, width = last(x.dims), y = empty(x.type, x.dims);
      x.data.forEach((value, i) => (y.data[i] = value !== value ? fills[i % width] ?? fills[0] : value));
      return [y];
    },
    Scaler: ({ offset, scale }) => (x) => {
      const width = last(x.dims), y = empty(FLOAT, x.dims);
      x.data.forEach((value, i) => {
        const k = i % width;
        y.data[i] = Math.fround(value - (offset[k] ?? offset[0])) * (scale[k] ?? scale[0]);
      });
      return [y];
    },
    OneHotEncoder: (given) => (x) => [hot(x, given.cats_int64s)],
    TreeEnsembleClassifier: classify, TreeEnsembleRegressor: regress,
  };

  // --- a model: bytes → a function from a matrix to scores

  function load(bytes) {
    const graph = readMessage(readMessage(bytes)[7][0]), known = {};
    const steps = (graph[1] ?? []).map(readNode).map((node) => {
      if (!OPERATORS[node.name]) throw new Error(`model: expected a known operator, got ${node.name}`);
      return { ...node, run: OPERATORS[node.name](node.with) };
    });
    const used = new Set(steps.flatMap((step) => step.inputs));
    for (const each of graph[5] ?? []) {
      const name = text(readMessage(each)[8][0]);
      if (used.has(name)) known[name] = readTensor(each);
    }
    return (matrix, n, width) => {  // matrix: Float32Array, n × width; the scores, n × labels
      const values = { ...known, rows: { type: FLOAT, dims: [n, width], data: matrix } };
      for (const step of steps) {
        const results = step.run(...step.inputs.map((name) => values[name]));
        step.outputs.forEach((name, i) => (values[name] = results[i]));
      }
      return values.scores;
    };
  }

  return { load, OPERATORS };
})();
if (typeof module !== "undefined") module.exports = onnx;
