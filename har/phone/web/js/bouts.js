// Answers to bouts of activity: a window speaks for a hop around its centre. The mean over the
// last windows is late; the answer about a window is the one that is known so much later
// (har/runtime/predict.py does the same).

export class Bouts {
  constructor({ hopS, lengthS, nSmoothed }) {
    Object.assign(this, { hopS, lengthS, late: (nSmoothed - 1) >> 1 });
    this.bouts = [];
    this.stretch = null;
  }

  push({ fresh, startS, answer, activity, confidence }) {
    if (fresh) {
      this.finish();
      this.stretch = { beginS: startS, n: 0, about: 0 };
    }
    const s = this.stretch;
    s.last = { answer, activity, confidence };
    s.n += 1;
    if (s.n > this.late) this.#say(s.last);
  }

  /** No more windows in this stretch: the last answer stands for those that still waited. */
  finish() {
    const s = this.stretch;
    if (!s) return;
    while (s.about < s.n) this.#say(s.last);
    const end = s.beginS + this.lengthS + this.hopS * (s.n - 1);
    this.bouts.at(-1).endS = Math.max(this.bouts.at(-1).endS, end);
    this.stretch = null;
  }

  #say({ answer, activity, confidence }) {
    const s = this.stretch;
    const middle = s.beginS + this.lengthS / 2 + this.hopS * s.about;
    const startS = s.about ? middle - this.hopS / 2 : s.beginS;
    const endS = middle + this.hopS / 2;
    const open = s.about ? this.bouts.at(-1) : null;
    s.about += 1;
    if (open && open.activity === activity) {
      open.endS = endS;
      open.n += 1;
      open.confidence += (confidence - open.confidence) / open.n;
    } else {
      this.bouts.push({ startS, endS, index: answer, activity, confidence, n: 1 });
      if (this.bouts.length > 2000) this.bouts.splice(0, 500);
    }
  }
}
