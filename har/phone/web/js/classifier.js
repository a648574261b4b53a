// From a sensor's samples to answers: resampling, turning where the model wants it, windows, the
// model, smoothing. No page here.

import { Aligner } from "./align.js";
import { Portrait } from "./likeness.js";
import { Resampler } from "./resampling.js";
import { Smoother, UNKNOWN } from "./smoothing.js";
import { Wearer } from "./wearer.js";
import { Windower } from "./windows.js";

/** What model.json means to this page; refuses what it does not know how to do. */
export function readManifest(m) {
  if (m.schema !== "har-model/1") throw new Error(`model.json has schema ${m.schema}.`);
  if (m.resampler.kind !== "cubic-sinc-1") {
    throw new Error(`model.json asks for the resampler ${m.resampler.kind}.`);
  }
  if (m.smoothing.kind !== "mean") throw new Error(`Unknown smoothing ${m.smoothing.kind}.`);
  if (m.align && m.align.kind !== "walking-1") {
    throw new Error(`model.json asks for samples turned by ${m.align.kind}.`);
  }
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
    align: m.align
      ? {
          rateHz: m.rate_hz,
          seconds: m.align.seconds,
          axis: m.align.axis,
          moving: m.align.moving,
          around: m.align.around,
          atLeast: m.align.at_least,
        }
      : null,
    nSmoothed: m.smoothing.n_windows,
    delayS: (m.window.n_samples + m.lead_in_samples) / 2 / m.rate_hz + m.smoothing.delay_s,
    threshold: m.abstention ? m.abstention.threshold : null,
    // Bundles of before have none of these.
    distance: m.abstention?.distance ?? null,
    likeness: m.likeness ?? null,
    adaptation: m.adaptation ?? null,
    fingerprint: m.variants.float32.sha256,
    pipeline: m.pipeline,
    model: m.model,
  };
}

export class Classifier {
  /**
   * run(rows): a promise of {probabilities, features}. onAnswer: called in order of time.
   * `hold`: how many samples may wait for the walking by which they are turned. `wearer`: whose
   * corrections the answers have.
   */
  constructor(contract, run, onAnswer, { hold = Infinity, wearer = new Wearer(contract) } = {}) {
    Object.assign(this, { contract, run, onAnswer, hold, wearer });
    const { nRaw, hop, resampler, nSmoothed, threshold, distance } = contract;
    this.smoother = new Smoother({ nWindows: nSmoothed, threshold, limit: distance?.limit });
    this.windower = new Windower({ nRaw, hop, onWindow: (w) => this.#enqueue(w) });
    this.resampler = new Resampler(resampler);
    this.aligner = this.#newAligner();
    this.resampler.onRow = (index, row) => (this.aligner ?? this.windower).push(index, row);
    this.resampler.onBreak = () => (this.aligner ?? this.windower).interrupt();
    this.last = Promise.resolve();
    this.heard = [];
    this.portrait = this.#newPortrait();
  }

  #newPortrait() {
    return this.contract.likeness && new Portrait(this.contract.likeness.lags);
  }

  /** In what the samples so far are unlike those of training. */
  unlike() {
    return this.portrait ? this.portrait.compare(this.contract.likeness) : [];
  }

  #newAligner() {
    const { align } = this.contract;
    if (!align) return null;
    const aligner = new Aligner({ ...align, hold: this.hold });
    aligner.onRow = (index, row) => this.windower.push(index, row);
    aligner.onBreak = () => this.windower.interrupt();
    return aligner;
  }

  /** The phone sits elsewhere from now on. What still waited for the walking is given up. */
  calibrate() {
    this.windower.interrupt();
    this.aligner = this.#newAligner();
    this.portrait = this.#newPortrait();
  }

  /** One sample: seconds since the first, m/s², Android's sign. */
  push(t, x, y, z) {
    this.resampler.push(t, x, y, z);
  }

  async finish() {
    this.resampler.finish();
    this.aligner?.finish();
    return this.last;
  }

  /** Resolves when every window so far has its answer. */
  settled() {
    return this.last;
  }

  /** The answer about the last windows, corrected by all that was taught until now. */
  answer() {
    this.smoother.interrupt();
    const { wearer } = this;
    const found = this.heard.map((a) => this.smoother.push(wearer.correct(a), wearer.distance(a))).at(-1);
    const activity = found.answer === UNKNOWN ? "unknown" : this.wearer.activities[found.answer];
    return { ...found, activity };
  }

  #enqueue(window) {
    this.portrait?.push(window.rows);
    const { rateHz, leadIn, nSamples, nSmoothed } = this.contract;
    this.last = this.last.then(async () => {
      const { probabilities, features } = await this.run(window.rows);
      if (window.fresh) this.heard = [];
      this.heard = [...this.heard, { probabilities, features }].slice(-nSmoothed);
      const startS = (window.start + leadIn / 2) / rateHz;
      this.onAnswer({
        ...this.answer(),
        probabilities,
        features,
        fresh: window.fresh,
        startS,
        endS: startS + nSamples / rateHz,
      });
    });
  }
}
