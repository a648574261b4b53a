// The Teach card of the Live tab: say what you do, and answers are corrected from then on.

import { download, element } from "./page.js";
import { spoken } from "./wearer.js";

const $ = (id) => document.getElementById(id);
const READY_S = 5; // to put the phone where it is worn
const HOLD_S = 10;
const NEW = "\n"; // of the choice "something new": no activity is called this

const HELP = {
  none:
    "Does it mistake what you do? Start the sensor, or open a file of one activity, and say what " +
    "it is. What you teach stays on this phone.",
  sensor:
    `Choose what you do and tap. You have ${READY_S}\u00a0s to put the phone where you wear it; then ` +
    `keep doing it for ${HOLD_S}\u00a0s.`,
  walk: "You can teach after the first answer.",
  file: "Say what all of this file is.",
};

const sentence = (activity) => spoken(activity).replace(/^./u, (c) => c.toUpperCase());
const windows = (n) => `${n} ${n === 1 ? "window" : "windows"}`;

export class Teach {
  constructor({ live, wearer }) {
    Object.assign(this, { live, wearer, holding: null, shown: null });
    $("teach-what").addEventListener("change", () => this.refresh());
    $("teach-hold").addEventListener("click", () => this.chosen());
    $("teach-forget").addEventListener("click", () => this.forget(null));
    $("teach-save").addEventListener("click", () => this.save());
    live.onChange = () => this.refresh();
    this.list();
    this.refresh();
    $("teach").hidden = false;
  }

  /** What can be taught from just now: "sensor" or "file"; "walk" and "none" cannot. */
  get from() {
    const { source, walking, results, file } = this.live;
    if (source === "sensor") return walking ? "walk" : "sensor";
    return !source && file && results.length ? "file" : "none";
  }

  // What is taught ----------------------------------------------------------------------------

  chosen() {
    if (this.holding) return this.release("Stopped; nothing was learnt.");
    const what = $("teach-what").value;
    let activity;
    try {
      activity = this.wearer.named(what === NEW ? $("teach-new").value : what);
    } catch (error) {
      return this.say(error.message, false);
    }
    if (this.from === "file") return this.teach(activity, this.live.results);
    const now = this.live.log.at(-1)?.[0] ?? 0;
    const fromS = now + READY_S;
    this.holding = { activity, fromS, untilS: fromS + HOLD_S, classifier: this.live.classifier };
    this.say(null);
    this.timer = setInterval(() => this.tick(), 200);
    this.tick();
  }

  /** Seconds are the sensor's own: while it gives nothing, none go by. */
  async tick() {
    const { fromS, untilS, activity, classifier } = this.holding;
    const { live } = this;
    if (this.from !== "sensor" || live.classifier !== classifier) {
      return this.release("The sensor was stopped before the time was over: nothing was learnt.");
    }
    const now = live.log.at(-1)?.[0] ?? 0;
    if (now < untilS) {
      const left = Math.ceil((now < fromS ? fromS : untilS) - now);
      $("teach-hold").textContent = `${now < fromS ? "Get ready" : "Hold"}: ${left} s`;
      return;
    }
    this.release(null);
    navigator.vibrate?.(200); // the phone may be in a pocket
    await classifier.settled();
    // The model's input reaches beyond what its answer is about, by half of the lead-in each way.
    const { leadIn, rateHz } = live.contract;
    const around = leadIn / 2 / rateHz;
    const inside = (r) => r.startS - around >= fromS && r.endS + around <= untilS;
    return this.teach(activity, live.results.filter(inside));
  }

  release(why) {
    clearInterval(this.timer);
    this.holding = null;
    this.say(why, false);
    this.refresh();
  }

  /** The windows behind the answer that is on the screen were of this activity. */
  wrong(activity) {
    const { results, contract } = this.live;
    const last = results.slice(-contract.nSmoothed);
    const fresh = last.findLastIndex((r) => r.fresh);
    return this.teach(activity, last.slice(Math.max(0, fresh)));
  }

  async teach(activity, answers) {
    if (!answers.length) {
      return this.say("No complete window came in that time: nothing was learnt. Try again.", false);
    }
    await this.change(async () => {
      const { windows: n, before, now } = await this.wearer.teach(activity, answers);
      const name = (x) => `${spoken(x.activity)} ${x.probability.toFixed(2)}`;
      return `${sentence(activity)}: ${windows(n)}. Before: ${name(before)}; now: ${name(now)}.`;
    });
    $("teach-what").value = activity;
    this.refresh();
  }

  forget(activity) {
    return this.change(async () => {
      await this.wearer.forget(activity);
      return activity
        ? `${sentence(activity)}: what you taught is forgotten.`
        : "Everything you taught is forgotten; the model is as it was exported.";
    });
  }

  async change(act) {
    try {
      const said = await act();
      const lasting = this.wearer.store.lasting;
      this.say(lasting ? said : `${said} This browser keeps it only until the page is closed.`);
    } catch (error) {
      this.say(`It could not be kept for the next time: ${error.message}`, false);
    }
    this.live.taught();
    this.list();
    this.refresh();
    if (this.from === "file") await this.live.openFile(this.live.file); // with the answers of now
  }

  save() {
    const adapter = this.wearer.adapter();
    download(`${adapter.pipeline}-${adapter.model}-adapter.json`, "application/json", JSON.stringify(adapter));
  }

  // What is shown -----------------------------------------------------------------------------

  say(text, good = true) {
    $("teach-said").hidden = !text;
    $("teach-said").classList.toggle("good", good);
    $("teach-said").textContent = text ?? "";
  }

  /** With every answer: cheap, and nothing moves under a finger. */
  refresh() {
    const { unable, activities } = this.wearer;
    const from = unable ? "none" : this.from;
    $("teach-help").textContent = unable ?? HELP[from];
    $("teach-tools").hidden = !["sensor", "file"].includes(from);
    $("teach-new-field").hidden = $("teach-what").value !== NEW;
    $("teach-what").disabled = $("teach-new").disabled = Boolean(this.holding);
    if (!this.holding) $("teach-hold").textContent = from === "file" ? "Teach the file" : `Hold: ${HOLD_S} s`;
    const answered = from === "sensor" && this.live.results.length > 0 && !this.holding;
    $("teach-wrong").hidden = !answered;
    [...$("teach-chips").children].forEach((b, i) => (b.disabled = activities[i] === this.live.shown));
  }

  /** The activities, and what was taught of them. */
  list() {
    const { activities, taught } = this.wearer;
    const chosen = $("teach-what").value;
    const options = activities.map((a) => new Option(spoken(a), a));
    $("teach-what").replaceChildren(...options, new Option("something new …", NEW));
    if (activities.includes(chosen)) $("teach-what").value = chosen;
    const button = (text, act) => {
      const made = element("button");
      made.textContent = text;
      made.addEventListener("click", act);
      return made;
    };
    $("teach-chips").replaceChildren(...activities.map((a) => button(spoken(a), () => this.wrong(a))));
    $("teach-list").replaceChildren(
      ...[...taught].map(([activity, n]) => {
        const li = element("li");
        const [name, count] = [element("span"), element("span", "sub")];
        name.textContent = spoken(activity);
        count.textContent = windows(n);
        const forget = button("Forget", () => this.forget(activity));
        forget.className = "quiet";
        forget.setAttribute("aria-label", `Forget ${spoken(activity)}`);
        li.append(name, count, forget);
        return li;
      }),
    );
    $("teach-all").hidden = !taught.size;
  }
}
