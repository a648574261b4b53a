// A correction of the model's probabilities for one wearer, in closed form: the twin of
// har/runtime/correction.py, which says why. Sums are in float64.

const STEP = 4; // one over the largest curvature of the log loss
const LEAST = 1e-4; // a probability below this counts as this

/**
 * The correction that the wearer's windows ask for.
 *
 * `taught` and `anchors`: arrays of {features, probabilities}, one for each window; the anchors are
 * the bundle's recorded windows. `labels`: what was done in each taught window; those at the model's
 * number of activities and above are activities that it never knew.
 */
export function fit(taught, labels, anchors, nActivities, { strength, unheard }) {
  const d = anchors[0].features.length;
  const centre = new Float64Array(d);
  for (const { features } of anchors) features.forEach((v, j) => (centre[j] += v / anchors.length));
  const x = [...anchors, ...taught].map(({ features }) =>
    Float64Array.from(features, (v, j) => v - centre[j]),
  );
  const squares = x.slice(0, anchors.length).map((row) => dot(row, row));
  const scale = Math.sqrt(squares.reduce((a, b) => a + b, 0) / anchors.length);
  for (const row of x) row.forEach((v, j) => (row[j] = v / scale));
  const wrong = x.map(() => new Float64Array(nActivities));
  taught.forEach(({ probabilities }, i) => {
    const row = wrong[anchors.length + i];
    probabilities.forEach((p, c) => (row[c] = -p));
    row[labels[i]] += 1;
  });
  // The offset is a feature that is always 1.
  const kernel = x.map((a, i) => x.slice(0, i + 1).map((b, j) => dot(a, b) + 1 + (i === j ? strength : 0)));
  const dual = solve(kernel, wrong);
  const weights = new Float64Array(d * nActivities); // a row for each feature
  const offset = new Float64Array(nActivities);
  dual.forEach((of, i) => {
    of.forEach((v, c) => (offset[c] += STEP * v));
    x[i].forEach((u, j) => of.forEach((v, c) => (weights[j * nActivities + c] += (STEP * u * v) / scale)));
  });
  centre.forEach((u, j) => offset.forEach((_, c) => (offset[c] -= u * weights[j * nActivities + c])));
  return { weights, offset, unheard };
}

/** Corrected probabilities of a window. */
export function apply({ weights, offset, unheard }, { features, probabilities }) {
  const m = offset.length;
  const logits = Float64Array.from(offset, (v, c) => {
    const p = c < probabilities.length ? Math.max(probabilities[c], LEAST) : unheard;
    return v + Math.log(p);
  });
  features.forEach((u, j) => {
    for (let c = 0; c < m; c++) logits[c] += u * weights[j * m + c];
  });
  const most = Math.max(...logits);
  const shares = logits.map((v) => Math.exp(v - most));
  const total = shares.reduce((a, b) => a + b, 0);
  return shares.map((v) => v / total);
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Solves K y = b for the columns of b, in place of both, by Cholesky; K's lower triangle is given. */
function solve(K, b) {
  for (let i = 0; i < K.length; i++) {
    for (let j = 0; j <= i; j++) {
      let v = K[i][j];
      for (let l = 0; l < j; l++) v -= K[i][l] * K[j][l];
      K[i][j] = i === j ? Math.sqrt(v) : v / K[j][j];
    }
  }
  for (let i = 0; i < K.length; i++) {
    for (let l = 0; l < i; l++) b[i].forEach((_, c) => (b[i][c] -= K[i][l] * b[l][c]));
    b[i].forEach((v, c) => (b[i][c] = v / K[i][i]));
  }
  for (let i = K.length - 1; i >= 0; i--) {
    for (let l = i + 1; l < K.length; l++) b[i].forEach((_, c) => (b[i][c] -= K[l][i] * b[l][c]));
    b[i].forEach((v, c) => (b[i][c] = v / K[i][i]));
  }
  return b;
}
