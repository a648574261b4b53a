// Samples to numbered pieces. The last seconds can be left out: a hand was taking the phone.

export class Recorder {
  constructor({ outbox, pieceS = 2, leaveOutS = 0 }) {
    Object.assign(this, { outbox, pieceS, leaveOutS });
    this.buffer = [];
    this.work = Promise.resolve();
    this.samples = 0;
    this.lengthS = 0;
  }

  async begin(about) {
    this.id = await this.outbox.begin(about);
  }

  /** [t, x, y, z]; t in seconds on any one clock. */
  push(sample) {
    this.origin ??= sample[0];
    const t = Math.round((sample[0] - this.origin) * 1e6) / 1e6;
    if (this.samples && t <= this.lengthS) return;
    this.buffer.push([t, sample[1], sample[2], sample[3]]);
    this.samples += 1;
    this.lengthS = t;
    const ripe = t - this.leaveOutS;
    if (ripe - this.buffer[0][0] >= this.pieceS || this.buffer.length >= 4000) {
      const n = this.leaveOutS ? this.buffer.findIndex((r) => r[0] > ripe) : this.buffer.length;
      if (n > 0) this.#send(this.buffer.splice(0, n));
    }
  }

  async finish() {
    const keep = this.lengthS - this.leaveOutS;
    const rest = this.leaveOutS ? this.buffer.filter((r) => r[0] <= keep) : this.buffer;
    this.buffer = [];
    if (rest.length) this.#send(rest);
    await this.work;
    await this.outbox.close(this.id);
  }

  async discard() {
    this.buffer = [];
    await this.work;
    await this.outbox.discard(this.id);
  }

  #send(samples) {
    this.work = this.work.then(() => this.outbox.add(this.id, samples));
  }
}
