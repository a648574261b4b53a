// Is a recording like those of training? The twin of har/runtime/likeness.py, window by window.

const AXES = ["+x", "-x", "+y", "-y", "+z", "-z"];
const MOVING = 1.5; // m/s²
const FELT = 4; // m/s²
const RARE = 0.01;
const MOSTLY = 0.8;
const PAIRS = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]];

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
const centred = (values, middle = mean(values)) => values.map((v) => v - middle);

/** Mean square change over a lag. */
function change(values, lag) {
  let sum = 0;
  for (let i = lag; i < values.length; i++) sum += (values[i] - values[i - lag]) ** 2;
  return sum / (values.length - lag);
}

export class Portrait {
  constructor(lags) {
    Object.assign(this, { lags, nWindows: 0, nMoving: 0, level: 0 });
    this.gravity = new Array(6).fill(0);
    this.worn = new Array(6).fill(0);
    this.sum = new Array(14 + 4 * lags.length).fill(0);
  }

  /** A window: x, y, z of each sample, one after the other, in m/s². */
  push(rows) {
    const axes = [0, 1, 2].map((a) => Array.from({ length: rows.length / 3 }, (_, i) => rows[3 * i + a]));
    const means = axes.map(mean);
    this.nWindows += 1;
    this.level += Math.hypot(...means);
    const longest = [0, 1, 2].reduce((a, b) => (Math.abs(means[b]) > Math.abs(means[a]) ? b : a), 0);
    const points = 2 * longest + (means[longest] < 0 ? 1 : 0);
    this.gravity[points] += 1;
    const z = centred(axes[0].map((_, i) => Math.hypot(axes[0][i], axes[1][i], axes[2][i])));
    const variance = mean(z.map((v) => v * v));
    if (Math.sqrt(variance) < MOVING) return;
    this.nMoving += 1;
    this.worn[points] += 1;
    const c = axes.map((values, a) => centred(values, means[a]));
    const found = [
      ...means,
      ...PAIRS.map(([i, j]) => mean(c[i].map((v, t) => v * c[j][t]))),
      ...c.map((values) => mean(values.map((v) => v ** 3))),
      variance,
      mean(z.map((v) => v ** 3)),
      ...this.lags.flatMap((lag) => [
        Math.log(change(z, lag) / variance + 1e-3),
        ...c.map((values) => change(values, lag)),
      ]),
    ];
    found.forEach((v, i) => (this.sum[i] += v));
  }

  features() {
    const s = this.sum.map((v) => v / this.nMoving);
    const sd = [3, 6, 8].map((i) => Math.sqrt(s[i] + 1e-9));
    return [
      ...s.slice(0, 3),
      ...sd.map(Math.log),
      s[4] / (sd[0] * sd[1]),
      s[5] / (sd[0] * sd[2]),
      s[7] / (sd[1] * sd[2]),
      ...[0, 1, 2].map((a) => s[9 + a] / sd[a] ** 3),
      s[13] / s[12] ** 1.5,
      Math.log(s[12]) / 2,
      ...this.lags.flatMap((_, k) => [
        s[14 + 4 * k],
        ...[0, 1, 2].map((a) => Math.log(s[15 + 4 * k + a] / sd[a] ** 2 + 1e-3)),
      ]),
    ];
  }

  /** In what it differs from training: [{ check, message }], what to do in the message. */
  compare(like) {
    if (!this.nWindows) return [];
    const level = this.level / this.nWindows;
    const [low, high] = like.level;
    if (level < low || level > high) {
      return [{
        check: "level",
        message:
          `Its samples average ${level.toFixed(2)} m/s², in training ${low.toFixed(2)} to ` +
          `${high.toFixed(2)}. Check the unit, and whether gravity is in it.`,
      }];
    }
    const asked = this.nMoving >= like.at_least ? Object.entries(like.defects) : [];
    const features = asked.length ? this.features() : [];
    const scores = asked.map(([check, d]) => [
      check,
      d.weights.reduce((sum, w, i) => sum + w * features[i], d.bias),
    ]);
    const out = [];
    const turned = scores.filter(([check]) => check !== "half_rate").sort((a, b) => b[1] - a[1])[0];
    if (turned?.[1] > 0) out.push({ check: turned[0], message: `${this.#points(like)} ${said(turned[0])}` });
    else if (level > FELT && this.#rare(like)) {
      out.push({ check: "gravity", message: `${this.#points(like)} Is it worn as in training?` });
    }
    if (scores.some(([check, score]) => check === "half_rate" && score > 0)) {
      out.push({ check: "half_rate", message: said("half_rate") });
    }
    return out;
  }

  #rare(like) {
    const { share, axis, known } = this.#longest(like);
    return share >= MOSTLY && known[axis] < RARE;
  }

  /** Of windows that move, if there are enough: postures differ more than ways to wear. */
  #longest(like) {
    const moves = this.nMoving >= like.at_least;
    const counts = moves ? this.worn : this.gravity;
    const most = Math.max(...counts);
    return {
      share: most / (moves ? this.nMoving : this.nWindows),
      axis: AXES[counts.indexOf(most)],
      known: moves ? like.worn : like.gravity,
      when: moves ? "time that it moves" : "time",
    };
  }

  #points(like) {
    const { share, axis, known, when } = this.#longest(like);
    const percent = (v) => `${Math.round(100 * v)} %`;
    return (
      `Gravity points along ${axis.replace("-", "−")} for ${percent(share)} of the ${when}, ` +
      `in training ${percent(known[axis])}.`
    );
  }
}

function said(check) {
  if (check === "sign") return "It moves as if every axis had the other sign: try the switch for the sign.";
  if (check === "half_rate") return "It moves about twice as fast as people did in training: check the rate.";
  const [a, b] = check.split("_")[1];
  return `It moves as if axes ${a} and ${b} were exchanged: is the phone worn as in training?`;
}
