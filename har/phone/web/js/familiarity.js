// How far a window is from everything that the model was trained on, in the model's own features:
// the twin of har/runtime/familiarity.py, which says why. Sums are in float64.

/** Numbers of base64 of little-endian float32. */
export function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** Base64 of numbers as little-endian float32. */
export function packed(numbers) {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  numbers.forEach((v, i) => view.setFloat32(4 * i, v, true));
  let bytes = "";
  for (let i = 0; i < view.byteLength; i++) bytes += String.fromCharCode(view.getUint8(i));
  return btoa(bytes);
}

export class Ruler {
  /** Of model.json's `abstention.distance`. */
  constructor({ features, means, whitening, limit }) {
    Object.assign(this, { used: features, whitening: unpacked(whitening), limit });
    const flat = unpacked(means);
    const q = features.length;
    this.own = Array.from({ length: flat.length / q }, (_, i) => this.#whitened(flat.subarray(i * q, (i + 1) * q)));
    this.taught = [];
  }

  /** Of those features that are used. */
  select(features) {
    return Float64Array.from(this.used, (j) => features[j]);
  }

  /** Other means that are known, beside its own; in place of those of before. */
  knowing(means) {
    this.taught = means.map((m) => this.#whitened(m));
  }

  /** From the nearest mean, about 1 for windows like those of training. */
  distance(features) {
    const x = this.#whitened(this.select(features));
    let least = Infinity;
    for (const mean of [...this.own, ...this.taught]) {
      let sum = 0;
      for (let j = 0; j < x.length; j++) sum += (x[j] - mean[j]) ** 2;
      least = Math.min(least, sum);
    }
    return Math.sqrt(least);
  }

  /** x L, of the lower triangle L. */
  #whitened(x) {
    const out = new Float64Array(x.length);
    for (let i = 0, at = 0; i < x.length; i++) {
      for (let j = 0; j <= i; j++, at++) out[j] += x[i] * this.whitening[at];
    }
    return out;
  }
}
