// Turning samples so that upright is one way for everybody: the twin of har/signal/align.py and of
// har/runtime/streaming.py's Aligner, row by row. Scheme `walking-1`: gravity in the first seconds
// of walking says how the phone sits on the body.

const GRAVITY = 5; // m/s²: a mean acceleration below this does not hold gravity

/** Gravity while walking, from uniform rows as they come. */
export class Reference {
  constructor({ rateHz, seconds, moving, around, atLeast }) {
    Object.assign(this, { wanted: seconds, threshold: moving, around, atLeast });
    this.perSecond = evenly(rateHz);
    this.counted = 0;
    this.sum = [0, 0, 0];
    this.interrupt();
  }

  get known() {
    return this.counted >= this.wanted;
  }

  /** Whether the last whole second moved, for whoever tells the wearer how it goes. */
  get moving() {
    return this.recent.at(-1)?.moves ?? false;
  }

  push(row) {
    if (this.known) return;
    this.rows.push(row);
    if (this.rows.length < this.perSecond) return;
    this.recent.push(second(this.rows, this.threshold));
    this.rows = [];
    const width = 2 * this.around + 1;
    if (this.recent.length > width) this.recent.shift();
    if (this.recent.length < width || !this.recent.every((s) => s.moves)) return;
    this.recent[this.around].mean.forEach((v, i) => (this.sum[i] += v));
    this.counted += 1;
  }

  /** A gap: what follows is another stretch. */
  interrupt() {
    this.rows = [];
    this.recent = [];
  }

  /** Three rows of three; null if too few seconds count. */
  rotation(axis) {
    if (this.counted < Math.min(this.atLeast, this.wanted)) return null;
    const mean = this.sum.map((v) => v / this.counted);
    const length = Math.hypot(...mean);
    if (length < GRAVITY) {
      throw new Error(
        `This model needs acceleration with gravity, but its mean while walking is ` +
          `${length.toFixed(2)} m/s². Give total acceleration.`,
      );
    }
    return shortest(mean.map((v) => v / length), unit(axis));
  }
}

/**
 * Holds everything back until the walking is there, then gives it turned.
 *
 * onRow(index, row) and onBreak() as the resampler's. `hold`: how many rows are held at most, the
 * oldest of more are given up.
 */
export class Aligner {
  constructor({ axis, hold = Infinity, ...options }) {
    Object.assign(this, { axis, hold });
    this.reference = new Reference(options);
    this.onRow = () => {};
    this.onBreak = () => {};
    this.matrix = null;
    this.held = []; // [index, row], or null for a gap
  }

  /** Of walking, by which rows are turned; 0 where they are not. */
  get seconds() {
    return this.matrix ? this.reference.counted : 0;
  }

  push(index, row) {
    if (this.matrix) return this.onRow(index, turned(row, this.matrix));
    this.reference.push(row);
    this.held.push([index, row]);
    if (this.reference.known) this.#release();
    else if (this.held.length > this.hold) this.held.splice(0, Math.ceil(this.hold / 10));
  }

  /** A gap: what follows is another stretch. */
  interrupt() {
    if (this.matrix) return this.onBreak();
    this.reference.interrupt();
    this.held.push(null);
  }

  /** No more rows come: what is held back, as recorded if nobody walked enough. */
  finish() {
    this.#release();
  }

  #release() {
    const held = this.held;
    this.held = [];
    this.matrix = this.reference.rotation(this.axis);
    for (const one of held) {
      if (one) this.onRow(one[0], this.matrix ? turned(one[1], this.matrix) : one[1]);
      else this.onBreak();
    }
  }
}

/** The rotation by the least angle that takes one unit vector to another (Rodrigues' formula). */
export function shortest(a, b) {
  const c = dot(a, b);
  if (c < -1 + 1e-9) {
    // Opposite: any half turn does; it is about the axis that follows b's (x, y, z, x).
    const about = [2, 0, 1].map((i) => Math.abs(b[i]));
    return about.map((u, i) => about.map((v, j) => 2 * u * v - (i === j ? 1 : 0)));
  }
  const x = a[1] * b[2] - a[2] * b[1];
  const y = a[2] * b[0] - a[0] * b[2];
  const z = a[0] * b[1] - a[1] * b[0];
  const k = [[0, -z, y], [z, 0, -x], [-y, x, 0]];
  return k.map((row, i) =>
    row.map((v, j) => {
      const square = row[0] * k[0][j] + row[1] * k[1][j] + row[2] * k[2][j];
      return (i === j ? 1 : 0) + v + square / (1 + c);
    }),
  );
}

/** The unit vector of x, y, z, -x, -y or -z. */
export function unit(axis) {
  const out = [0, 0, 0];
  out["xyz".indexOf(axis.at(-1))] = axis.startsWith("-") ? -1 : 1;
  return out;
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const turned = (row, matrix) => matrix.map((m) => Math.fround(dot(row, m)));

/** A second's mean, and whether the standard deviation of ‖a‖ in it is at least `threshold`. */
function second(rows, threshold) {
  const n = rows.length;
  const mean = [0, 1, 2].map((i) => rows.reduce((sum, row) => sum + row[i], 0) / n);
  const norms = rows.map((row) => Math.sqrt(dot(row, row)));
  const middle = norms.reduce((sum, v) => sum + v, 0) / n;
  const variance = norms.reduce((sum, v) => sum + (v - middle) ** 2, 0) / n;
  return { mean, moves: Math.sqrt(variance) >= threshold };
}

/** Rounds as Python does: 12.5 to 12, 13.5 to 14. */
function evenly(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
