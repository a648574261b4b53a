// From probabilities per window to a steady answer: the twin of har/runtime/smoothing.py. Causal.

export const UNKNOWN = -1;

export class Smoother {
  constructor({ nWindows, threshold = null }) {
    Object.assign(this, { nWindows, threshold });
    this.interrupt();
  }

  /** A gap: what was before it says nothing of what comes. */
  interrupt() {
    this.recent = [];
  }

  /** The mean of the last windows' probabilities, the answer and how sure it is. */
  push(probabilities) {
    this.recent.push(Float64Array.from(probabilities));
    if (this.recent.length > this.nWindows) this.recent.shift();
    const smoothed = new Float64Array(probabilities.length);
    for (const p of this.recent) p.forEach((v, i) => (smoothed[i] += v));
    smoothed.forEach((v, i) => (smoothed[i] = v / this.recent.length));
    let best = 0;
    smoothed.forEach((v, i) => v > smoothed[best] && (best = i));
    const confidence = smoothed[best];
    const sure = this.threshold === null || confidence >= this.threshold;
    return { smoothed, answer: sure ? best : UNKNOWN, likeliest: best, confidence };
  }
}
