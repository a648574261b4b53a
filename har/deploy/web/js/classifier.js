// From a sensor's samples to answers: resampling, windows, the model, smoothing. No page here.

import { Resampler } from "./resampling.js";
import { Smoother, UNKNOWN } from "./smoothing.js";
import { Windower } from "./windows.js";

/** What model.json means to this page; refuses what it does not know how to do. */
export function readManifest(m) {
  if (m.schema !== "har-model/1") throw new Error(`model.json has schema ${m.schema}.`);
  if (m.resampler.kind !== "cubic-sinc-1") {
    throw new Error(`model.json asks for the resampler ${m.resampler.kind}.`);
  }
  if (m.smoothing.kind !== "mean") throw new Error(`Unknown smoothing ${m.smoothing.kind}.`);
  return {
    activities: m.activities,
    rateHz: m.rate_hz,
    nRaw: m.input.shape[1],
    nSamples: m.window.n_samples,
    hop: m.window.hop_samples,
    leadIn: m.lead_in_samples,
    gravity: m.input.gravity,
    resampler: {
      targetHz: m.rate_hz,
      maxGapS: m.resampler.max_gap_s,
      warmUp: m.resampler.warm_up,
      tooClose: m.resampler.too_close,
      faster: m.resampler.faster,
      zeroCrossings: m.resampler.zero_crossings,
    },
    nSmoothed: m.smoothing.n_windows,
    delayS: (m.window.n_samples + m.lead_in_samples) / 2 / m.rate_hz + m.smoothing.delay_s,
    threshold: m.abstention ? m.abstention.threshold : null,
  };
}

export class Classifier {
  /** run(rows): a promise of the model's probabilities. onAnswer: called in order of time. */
  constructor(contract, run, onAnswer) {
    Object.assign(this, { contract, run, onAnswer });
    const { nRaw, hop, resampler, nSmoothed, threshold } = contract;
    this.smoother = new Smoother({ nWindows: nSmoothed, threshold });
    this.windower = new Windower({ nRaw, hop, onWindow: (w) => this.#enqueue(w) });
    this.resampler = new Resampler(resampler);
    this.resampler.onRow = (index, row) => this.windower.push(index, row);
    this.resampler.onBreak = () => this.windower.interrupt();
    this.last = Promise.resolve();
  }

  /** One sample: seconds since the first, m/s², Android's sign. */
  push(t, x, y, z) {
    this.resampler.push(t, x, y, z);
  }

  finish() {
    this.resampler.finish();
    return this.last;
  }

  /** Resolves when every window so far has its answer. */
  settled() {
    return this.last;
  }

  #enqueue(window) {
    const { rateHz, leadIn, nSamples, activities } = this.contract;
    this.last = this.last.then(async () => {
      const probabilities = await this.run(window.rows);
      if (window.fresh) this.smoother.interrupt();
      const answer = this.smoother.push(probabilities);
      const startS = (window.start + leadIn / 2) / rateHz;
      this.onAnswer({
        ...answer,
        probabilities,
        activity: answer.answer === UNKNOWN ? "unknown" : activities[answer.answer],
        fresh: window.fresh,
        startS,
        endS: startS + nSamples / rateHz,
      });
    });
  }
}
