// Uniform samples to a model's windows at a hop; an incomplete tail gives none.

export class Windower {
  /** nRaw: rows that the model takes, lead-in included. onWindow({ start, rows, fresh }). */
  constructor({ nRaw, hop, onWindow }) {
    Object.assign(this, { nRaw, hop, onWindow });
    this.interrupt();
  }

  /** A gap: the next row begins another stretch. */
  interrupt() {
    this.rows = [];
    this.start = null;
    this.fresh = true;
  }

  push(index, row) {
    this.start ??= index;
    this.rows.push(row);
    if (this.rows.length < this.nRaw) return;
    const rows = new Float32Array(this.nRaw * 3);
    this.rows.slice(0, this.nRaw).forEach((r, i) => rows.set(r, 3 * i));
    this.onWindow({ start: this.start, rows, fresh: this.fresh });
    this.fresh = false;
    this.rows.splice(0, this.hop);
    this.start += this.hop;
    // A hop longer than a window leaves rows out.
    if (this.hop > this.nRaw) throw new Error("The hop is longer than the window.");
  }
}
