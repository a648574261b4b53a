// What one wearer taught the page: windows of activities, the correction that they ask for, and the
// answers that it gives. No page here.

import { apply, fit } from "./correction.js";
import { packed, Ruler } from "./familiarity.js";

const MOST = 60; // windows of an activity that are kept: ten times ten seconds
const LONGEST_NAME = 60;

export const spoken = (activity) => activity.replaceAll(/[_-]/g, " ");

export class Wearer {
  /** `store`: {get(key), put(key, lessons)}; what is taught is kept there under the bundle's hash. */
  constructor(contract) {
    Object.assign(this, { contract, lessons: [], anchors: null, correction: null });
    this.ruler = contract.distance && new Ruler(contract.distance);
    this.activities = contract.activities;
  }

  /** From here on it can be taught. `anchors`: what the model says of the bundle's own windows. */
  async begin(anchors, store) {
    Object.assign(this, { anchors, store });
    this.lessons = (await store.get(this.contract.fingerprint)) ?? [];
    this.#refit();
  }

  /** Why it cannot be taught, in a sentence; null if it can. */
  get unable() {
    if (!this.contract.adaptation) {
      return "This model was exported before models could be taught. Run har export again.";
    }
    return this.anchors?.length ? null : "This model comes without recorded windows, which teaching needs.";
  }

  /** Probabilities of all activities, new ones included, of a window's {probabilities, features}. */
  correct(answer) {
    return this.correction ? apply(this.correction, answer) : answer.probabilities;
  }

  /** How unlike all that the model was trained on, and all that was taught, a window is. */
  distance(answer) {
    return this.ruler && answer.features ? this.ruler.distance(answer.features) : 0;
  }

  /** Of each activity that was taught, the mean of the features that are measured. */
  get #known() {
    return [...this.taught].map(([activity, n]) => {
      const mean = new Float64Array(this.ruler.used.length);
      for (const l of this.lessons.filter((one) => one.activity === activity)) {
        this.ruler.select(l.features).forEach((v, j) => (mean[j] += v / n));
      }
      return mean;
    });
  }

  /** Windows of each activity that was taught, in the order in which they were first taught. */
  get taught() {
    const count = new Map();
    for (const { activity } of this.lessons) count.set(activity, (count.get(activity) ?? 0) + 1);
    return count;
  }

  /** The activity of that name, however it is written, or a new one. */
  named(text) {
    const name = text.trim().replaceAll(/\s+/g, " ");
    const plain = (s) => spoken(s).toLowerCase();
    if (!name || name.length > LONGEST_NAME) {
      throw new Error(`An activity's name has 1 to ${LONGEST_NAME} characters.`);
    }
    if (plain(name) === "unknown") throw new Error("“Unknown” is what the model says when it is not sure.");
    return this.activities.find((a) => plain(a) === plain(name)) ?? name;
  }

  /** Windows of an activity; what they were taken for before and are now. */
  async teach(activity, answers) {
    const before = this.#likeliest(answers);
    const kept = answers.map(({ features, probabilities }) => ({ activity, features, probabilities }));
    const mine = [...this.lessons.filter((l) => l.activity === activity), ...kept];
    const others = this.lessons.filter((l) => l.activity !== activity);
    const spread = (_, i) => Math.floor((i * MOST) / mine.length) !== Math.floor(((i - 1) * MOST) / mine.length);
    await this.#learn([...others, ...(mine.length > MOST ? mine.filter(spread) : mine)]);
    return { activity, windows: answers.length, before, now: this.#likeliest(answers) };
  }

  /** One activity, or all that was taught. */
  forget(activity) {
    return this.#learn(activity ? this.lessons.filter((l) => l.activity !== activity) : []);
  }

  async #learn(lessons) {
    this.lessons = lessons;
    this.#refit();
    await this.store.put(this.contract.fingerprint, lessons);
  }

  #refit() {
    const { activities, adaptation } = this.contract;
    const more = [...this.taught.keys()].filter((a) => !activities.includes(a));
    this.activities = [...activities, ...more];
    this.correction = null;
    this.ruler?.knowing(this.unable ? [] : this.#known);
    if (!this.lessons.length || this.unable) return;
    const labels = this.lessons.map((l) => this.activities.indexOf(l.activity));
    this.correction = fit(this.lessons, labels, this.anchors, this.activities.length, adaptation);
  }

  #likeliest(answers) {
    const mean = new Float64Array(this.activities.length);
    for (const a of answers) this.correct(a).forEach((p, i) => (mean[i] += p / answers.length));
    const best = mean.indexOf(Math.max(...mean));
    return { activity: this.activities[best], probability: mean[best] };
  }

  /** What `har predict --adapter` reads. */
  adapter() {
    const { pipeline, model, fingerprint } = this.contract;
    const { weights, offset, unheard } = this.correction;
    return {
      schema: "har-adapter/1",
      pipeline,
      model,
      bundle: fingerprint,
      activities: this.activities,
      weights: packed(weights),
      offset: [...offset],
      unheard,
      taught: Object.fromEntries(this.taught),
      ...(this.ruler ? { known: packed(this.#known.flatMap((m) => [...m])) } : {}),
    };
  }
}
