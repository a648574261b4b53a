// Any timestamps to a uniform rate: the twin of har/signal/resampling.py, sample by sample.
//
// Scheme `cubic-sinc-1`: samples too close to the one before are left out; a distance above
// maxGapS ends a stretch; inside, a cubic through the four samples around is read on a grid of
// k times the target rate that starts at the recording's first sample; where the source is faster
// than the target, a windowed sinc takes the grid down by k. The first warmUp samples tell how
// fast the source is.

const ON_GRID = 1e-6; // a sample that stands on the grid but for rounding is on the grid

/** How many times finer than the target grid the interpolation grid is. */
export function decimation(sourceHz, targetHz, faster = 1.1) {
  return Math.max(1, Math.ceil(sourceHz / targetHz / faster - 1e-6));
}

/** Low-pass before keeping each k-th sample: scipy's firwin(2·z·k + 1, 0.8 / k, "hamming"). */
export function decimationTaps(k, zeroCrossings = 8) {
  const n = 2 * zeroCrossings * k + 1;
  const cutoff = 0.8 / k;
  const taps = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const m = i - (n - 1) / 2;
    const x = Math.PI * cutoff * m;
    const sinc = m === 0 ? 1 : Math.sin(x) / x;
    taps[i] = cutoff * sinc * (0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (n - 1)));
    sum += taps[i];
  }
  return taps.map((tap) => tap / sum);
}

/** The cubic through four samples [t, x, y, z], at a time (Lagrange's form). */
export function cubic(nodes, at) {
  let x = 0;
  let y = 0;
  let z = 0;
  for (let a = 0; a < 4; a++) {
    let weight = 1;
    for (let b = 0; b < 4; b++) {
      if (a !== b) weight *= (at - nodes[b][0]) / (nodes[a][0] - nodes[b][0]);
    }
    x += weight * nodes[a][1];
    y += weight * nodes[a][2];
    z += weight * nodes[a][3];
  }
  return [Math.fround(x), Math.fround(y), Math.fround(z)];
}

/** The middle value; the mean of both for an even number, as numpy has it. */
export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export class TooSlow extends Error {}

/**
 * Samples in, uniform samples out.
 *
 * onRow(index, row): the next uniform sample; `index` counts periods of the target rate since the
 * recording's first sample. onBreak(): a gap follows, the next row begins another stretch.
 * The sampling period is the median of the first `warmUp` samples.
 */
export class Resampler {
  constructor({ targetHz, maxGapS, tooClose = 0.25, faster = 1.1, zeroCrossings = 8, warmUp = 64 }) {
    Object.assign(this, { targetHz, maxGapS, tooClose, faster, zeroCrossings, warmUp });
    this.onRow = () => {};
    this.onBreak = () => {};
    this.leftOut = 0;
    this.periodS = null;
    this.waiting = [];
    this.nodes = []; // the last samples of the open stretch, four at most
    this.next = null; // the first grid point not given yet; null: a stretch begins
    this.fine = null; // what the low-pass still needs: { start, rows, next }
  }

  /** One sample: seconds since the first one, m/s². Times must rise. */
  push(t, x, y, z) {
    const sample = [t, Math.fround(x), Math.fround(y), Math.fround(z)];
    if (this.periodS !== null) return this.#take(sample);
    this.waiting.push(sample);
    if (this.waiting.length >= this.warmUp) this.#begin();
  }

  /** No more samples come: give what is left. */
  finish() {
    if (this.periodS === null && this.waiting.length >= 4) this.#begin();
    this.#end();
  }

  #begin() {
    const times = this.waiting.map((s) => s[0]);
    this.periodS = median(times.slice(1).map((t, i) => t - times[i]));
    if (this.maxGapS <= 1.5 * this.periodS) {
      throw new TooSlow(
        `The sensor gives a sample every ${this.periodS.toFixed(3)} s; the model bridges ` +
          `${this.maxGapS} s at most.`,
      );
    }
    this.k = decimation(1 / this.periodS, this.targetHz, this.faster);
    this.taps = this.k > 1 ? decimationTaps(this.k, this.zeroCrossings) : null;
    const waiting = this.waiting;
    this.waiting = [];
    for (const sample of waiting) this.#take(sample);
  }

  #take(sample) {
    if (this.lastKept !== undefined && sample[0] - this.lastKept < this.tooClose * this.periodS) {
      this.leftOut += 1;
      return;
    }
    if (this.nodes.length && sample[0] - this.lastKept > this.maxGapS) this.#end();
    this.lastKept = sample[0];
    this.nodes.push(sample);
    if (this.nodes.length > 4) this.nodes.shift();
    if (this.nodes.length === 4) this.#give(false);
  }

  #end() {
    if (this.nodes.length === 4) this.#give(true);
    const begun = this.nodes.length > 0;
    this.nodes = [];
    this.next = null;
    this.fine = null;
    if (begun) this.onBreak();
  }

  #give(last) {
    const rate = this.k * this.targetHz;
    const nodes = this.nodes;
    this.next ??= Math.ceil(nodes[0][0] * rate - ON_GRID) + 0; // never −0
    // Before the last sample but one, all four around are known.
    const stop = last
      ? Math.floor(nodes[3][0] * rate + ON_GRID) + 1
      : Math.ceil(nodes[2][0] * rate - ON_GRID);
    for (; this.next < stop; this.next++) {
      const at = Math.min(Math.max(this.next / rate, nodes[0][0]), nodes[3][0]);
      const row = cubic(nodes, at);
      if (this.k === 1) this.onRow(this.next, row);
      else this.#thin(this.next, row);
    }
  }

  #thin(index, row) {
    const half = this.zeroCrossings * this.k;
    this.fine ??= { start: index, rows: [], next: Math.ceil((index + half) / this.k) };
    const fine = this.fine;
    fine.rows.push(row);
    while (fine.next * this.k + half < fine.start + fine.rows.length) {
      const first = fine.next * this.k - half - fine.start;
      const out = [0, 0, 0];
      for (let j = 0; j < this.taps.length; j++) {
        const r = fine.rows[first + j];
        const tap = this.taps[j];
        out[0] += tap * r[0];
        out[1] += tap * r[1];
        out[2] += tap * r[2];
      }
      this.onRow(fine.next, out.map(Math.fround));
      fine.next += 1;
      const drop = fine.next * this.k - half - fine.start;
      if (drop > 0) {
        fine.rows.splice(0, drop);
        fine.start += drop;
      }
    }
  }
}

/** A whole recording at once, rows of [t, x, y, z]: stretches of { start, rows }. */
export function resample(samples, options) {
  const resampler = new Resampler(options);
  const stretches = [];
  let fresh = true;
  resampler.onBreak = () => (fresh = true);
  resampler.onRow = (index, row) => {
    if (fresh) stretches.push({ start: index, rows: [] });
    fresh = false;
    stretches.at(-1).rows.push(row);
  };
  for (const sample of samples) resampler.push(...sample);
  resampler.finish();
  return stretches;
}
