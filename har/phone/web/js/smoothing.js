// From probabilities per window to a steady answer: the twin of har/runtime/smoothing.py. Causal.

export const UNKNOWN = -1;

export class Smoother {
  /** `limit`: of the mean distance, beyond which the answer is unknown. */
  constructor({ nWindows, threshold = null, limit = Infinity }) {
    Object.assign(this, { nWindows, threshold, limit });
    this.interrupt();
  }

  /** A gap: what was before it says nothing of what comes. */
  interrupt() {
    this.recent = [];
  }

  /** The mean of the last windows' probabilities, the answer and how sure it is. */
  push(probabilities, distance = 0) {
    this.recent.push(Float64Array.of(...probabilities, distance));
    if (this.recent.length > this.nWindows) this.recent.shift();
    const mean = new Float64Array(probabilities.length + 1);
    for (const p of this.recent) p.forEach((v, i) => (mean[i] += v));
    mean.forEach((v, i) => (mean[i] = v / this.recent.length));
    const smoothed = mean.subarray(0, -1);
    let best = 0;
    smoothed.forEach((v, i) => v > smoothed[best] && (best = i));
    const confidence = smoothed[best];
    const sure = this.threshold === null || confidence >= this.threshold;
    const familiar = mean.at(-1) <= this.limit;
    return { smoothed, answer: sure && familiar ? best : UNKNOWN, likeliest: best, confidence, familiar };
  }
}
