// The Live tab: a source of samples, the classifier, and what it says.

import { Bouts } from "./bouts.js";
import { Classifier } from "./classifier.js";
import { parseCsv } from "./csv.js";
import { colourOf, drawTimeline, drawTrace } from "./draw.js";
import { clock, download, duration, element, item, notice, wakeLock } from "./page.js";
import { spoken } from "./wearer.js";

const $ = (id) => document.getElementById(id);
const KEPT_SAMPLES = 90_000; // half an hour at 50 Hz
const SPAN_S = 8;
const TIMELINE_S = 120;
const CHECKED_EVERY = 10; // windows
const PAUSE_S = 0.6; // between windows of the sample
const TOO_LITTLE =
  "Too little walking to align the samples with gravity: they are used as recorded, so postures may be confused.";

export class Live {
  constructor({ contract, run, wearer, motion, sample }) {
    Object.assign(this, { contract, run, wearer, motion, sample });
    this.source = null;
    this.onChange = () => {}; // another source, or another answer
    this.reset();
    $("start-sensor").addEventListener("click", () => this.toggleSensor());
    $("start-sample").addEventListener("click", () => this.toggleSample());
    $("file").addEventListener("change", (e) => this.openFile(e.target.files[0]));
    $("save-log").addEventListener("click", () => this.saveLog());
    $("calibrate").addEventListener("click", () => this.calibrateAgain());
    $("start-sample").disabled = !sample;
    const frame = () => {
      this.draw();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  reset() {
    const { hop, rateHz, nSamples, nSmoothed } = this.contract;
    this.log = [];
    this.results = [];
    this.bouts = new Bouts({ hopS: hop / rateHz, lengthS: nSamples / rateHz, nSmoothed });
    // A file is read whole, as `har predict` does; a sensor may listen for days.
    const hold = this.source === "sensor" ? KEPT_SAMPLES : Infinity;
    const options = { hold, wearer: this.wearer };
    this.classifier = new Classifier(this.contract, this.run, (a) => this.answered(a), options);
    this.changed = true;
    $("bouts").replaceChildren(item("Your activities appear here.", "empty"));
    $("bars").replaceChildren();
    $("save-log").hidden = true;
    $("calibrate").hidden = true;
  }

  // Sources -----------------------------------------------------------------------------------

  async toggleSensor() {
    if (this.source === "sensor") return this.stop("Stopped");
    this.stop();
    notice(this.busy?.() ? "A recording is under way; stop it first." : null);
    if (this.busy?.()) return;
    try {
      await this.motion.start();
    } catch (error) {
      return notice(error.message);
    }
    this.begin("sensor", "Listening");
    if (this.classifier.aligner) this.askToWalk();
    this.motion.listeners.add((this.listener = (sample) => this.receive(sample)));
    wakeLock.take();
    const waiting = setTimeout(() => {
      if (this.source === "sensor" && !this.log.length) {
        this.stop("Ready");
        this.idle();
        notice(
          "The browser gives no motion here. On a computer, open a file or play the sample; on a " +
            "phone, use the https address that `har serve --https` prints.",
        );
      }
    }, 3000);
    this.cleanup = () => {
      clearTimeout(waiting);
      this.motion.listeners.delete(this.listener);
      this.motion.stop();
      wakeLock.release();
    };
  }

  receive(sample) {
    this.log.push(sample);
    if (this.log.length > KEPT_SAMPLES) this.log.splice(0, KEPT_SAMPLES / 10);
    this.changed = true;
    try {
      this.classifier.push(...sample);
      if (this.walking) this.showWalking();
    } catch (error) {
      this.stop("Stopped");
      notice(error.message);
    }
  }

  async openFile(file) {
    if (!file) return;
    this.stop();
    notice(null);
    let parsed;
    try {
      if (file.size > 64e6) throw new Error("The file has more than 64 MB; use `har predict`.");
      parsed = parseCsv(await file.text());
    } catch (error) {
      return this.refuse(file, error.message);
    } finally {
      $("file").value = "";
    }
    this.begin("file", file.name);
    this.file = file;
    for (const row of parsed.rows) this.receive(row);
    if (this.source !== "file") return; // receive() stopped it
    try {
      await this.classifier.finish();
    } catch (error) {
      return this.refuse(file, error.message);
    }
    this.bouts.finish();
    this.stop(file.name);
    $("now-sub").textContent = this.summary();
    this.onChange();
    if (!this.results.length) {
      return this.refuse(file, `no window of ${this.contract.nRaw / this.contract.rateHz} s without a gap.`);
    }
    const said = this.unlike();
    if (this.classifier.aligner?.seconds === 0) {
      said.push(TOO_LITTLE, "Walk for half a minute somewhere in the recording.");
    }
    if (parsed.skipped) said.push(`${parsed.skipped} rows were left out: no number, or no later time.`);
    notice(said.join(" "));
  }

  /** A file without an answer: the answer of the one before must not stand beside it. */
  refuse(file, why) {
    this.stop(file.name);
    this.reset();
    this.idle();
    notice(`${file.name}: ${why}`);
  }

  /** The bundle's recorded windows, one after the other, at the speed at which they happened. */
  toggleSample() {
    if (this.source === "sample") return this.stop("Stopped");
    this.stop();
    notice(null);
    this.begin("sample", "Recorded sample");
    const { rateHz, nRaw, leadIn, nSamples } = this.contract;
    const { windows, labels } = this.sample;
    const began = performance.now();
    const total = windows.length * nRaw;
    // Windows of different recordings: apart in time, and nothing to smooth over.
    const windowS = nRaw / rateHz + PAUSE_S;
    let shown = 0;
    const tick = async () => {
      for (; shown < total && this.source === "sample"; shown++) {
        const w = Math.floor(shown / nRaw);
        const i = shown % nRaw;
        const t = w * windowS + i / rateHz;
        if (t > (performance.now() - began) / 1000) break;
        this.log.push([t, ...windows[w][i]]);
        if (i < nRaw - 1) continue;
        const probabilities = this.wearer.correct(await this.run(Float32Array.from(windows[w].flat())));
        if (this.source !== "sample") return;
        const best = probabilities.indexOf(Math.max(...probabilities));
        const { activities } = this.wearer;
        const answer = { activity: activities[best], confidence: probabilities[best] };
        const startS = w * windowS + leadIn / 2 / rateHz;
        this.bouts.bouts.push({ startS, endS: startS + nSamples / rateHz, index: best, ...answer });
        this.show({ answer: best, smoothed: probabilities, ...answer });
        $("now-sub").textContent = `Recorded as: ${activities[labels[w]]}`;
      }
      if (this.source !== "sample") return;
      this.changed = true;
      if (shown >= total) return this.stop("End of the sample");
      this.timer = setTimeout(tick, 40);
    };
    this.cleanup = () => clearTimeout(this.timer);
    tick();
  }

  begin(source, title) {
    this.source = source;
    this.file = null;
    this.reset();
    this.walking = null;
    $("start-sensor").textContent = source === "sensor" ? "Stop" : "Start sensor";
    $("start-sample").textContent = source === "sample" ? "Stop" : "Play sample";
    $("now-eyebrow").textContent = title;
    $("activity").textContent = "…";
    $("activity").className = "activity";
    $("ring-value").classList.add("none");
    $("confidence").textContent = "–";
    const first = (this.contract.nRaw / this.contract.rateHz).toFixed(1);
    $("now-sub").textContent = `The first answer takes ${first} s.`;
    this.onChange();
  }

  stop(title) {
    this.cleanup?.();
    this.cleanup = null;
    const was = this.source;
    this.source = null;
    if (was === "sensor") this.finishSensor();
    $("start-sensor").textContent = "Start sensor";
    $("start-sample").textContent = "Play sample";
    if (title) $("now-eyebrow").textContent = title;
    $("save-log").hidden = !this.log.length || was === "sample";
    $("calibrate").hidden = true;
    this.changed = true;
    this.onChange();
  }

  async finishSensor() {
    const { classifier, bouts } = this;
    const waited = this.walking;
    this.walking = null;
    let wrong = null;
    await classifier.finish().catch((error) => (wrong = error));
    if (this.classifier !== classifier) return; // something else has begun
    bouts.finish();
    this.list();
    if (wrong) notice(wrong.message);
    if (!waited) return;
    if (wrong || !this.results.length) return this.idle();
    $("now-sub").textContent = this.summary();
    if (!classifier.aligner.seconds) notice(`${TOO_LITTLE} Start again, and walk first.`);
  }

  // The walk by which samples are turned ------------------------------------------------------

  askToWalk() {
    this.walking = {};
    $("now-eyebrow").textContent = "Calibration";
    $("activity").textContent = "Walk a little";
    $("activity").className = "activity";
    $("bars").replaceChildren();
    $("calibrate").hidden = true;
    this.showWalking();
    this.onChange();
  }

  /** How far it is; once it is known, answers come. */
  showWalking() {
    const { known, counted, wanted, moving } = this.classifier.aligner.reference;
    if (known) {
      this.walking = null;
      navigator.vibrate?.(200); // the phone may be in a pocket by now
      $("now-eyebrow").textContent = "Listening";
      $("calibrate").hidden = false;
      return this.onChange();
    }
    if (this.walking.counted === counted && this.walking.moving === moving) return;
    this.walking = { counted, moving };
    const how = moving ? "Good, keep walking" : "Put the phone where you wear it and walk";
    $("now-sub").textContent = `${how}: ${counted} of ${wanted} s.`;
    $("calibrate").hidden = !counted;
    this.ring(counted / wanted, `${counted} s`, `${counted} of ${wanted} seconds of walking`);
    $("ring-value").style.stroke = "";
  }

  /** The phone was put elsewhere: what comes now is turned by another walk. */
  calibrateAgain() {
    const { classifier, bouts } = this;
    classifier.calibrate();
    // The answers about the walk before are still on their way, and the last of them waits.
    classifier.settled().then(() => this.classifier === classifier && (bouts.finish(), this.list()));
    this.askToWalk();
  }

  summary() {
    const walked = this.classifier.aligner?.seconds;
    const upright = walked ? `, aligned with gravity by ${walked} s of walking` : "";
    return `${duration(this.log.at(-1)[0])}, ${this.results.length} windows${upright}`;
  }

  /** Sentences for whoever is about to believe the answers. */
  unlike() {
    return this.classifier.unlike().map((u) => `Unlike the training recordings: ${u.message}`);
  }

  /** No answer is there, and none on its way. */
  idle() {
    $("activity").textContent = "—";
    $("now-sub").textContent = "Start the sensor, open a file, or play the recorded sample.";
    this.ring(0, "–", "no answer yet");
  }

  // Answers -----------------------------------------------------------------------------------

  answered(result) {
    this.results.push(result);
    if (this.results.length > 5000) this.results.splice(0, 1000);
    this.bouts.push(result);
    if (this.walking) return this.list(); // of the walk before, and late
    this.show(result);
    this.onChange();
    if (this.source === "sensor") {
      if (this.results.length % CHECKED_EVERY === 0) notice(this.unlike().join(" "));
    }
  }

  show({ answer, activity, confidence, smoothed, familiar }) {
    const { activities } = this.wearer;
    this.shown = activity;
    if (this.source === "sensor") {
      const late = this.contract.delayS.toFixed(1);
      $("now-sub").textContent = familiar
        ? `About ${late} s after it begins, a new activity shows here.`
        : "This is unlike everything that the model was trained on.";
    }
    const text = spoken(activity);
    if ($("activity").textContent !== text) $("activity").textContent = text;
    $("activity").classList.toggle("unknown", answer < 0);
    const percent = Math.round(100 * confidence);
    this.ring(percent / 100, `${percent}%`, `confidence ${percent} percent`);
    $("ring-value").style.stroke = colourOf(answer);
    const order = [...smoothed.keys()].sort((a, b) => smoothed[b] - smoothed[a]).slice(0, 3);
    $("bars").replaceChildren(
      ...order.map((i) => {
        const li = document.createElement("li");
        const [name, bar, share] = ["name", "bar", "value"].map((c) => element("span", c));
        name.textContent = spoken(activities[i]);
        const fill = bar.appendChild(document.createElement("i"));
        fill.style.width = `${(100 * smoothed[i]).toFixed(1)}%`;
        fill.style.background = colourOf(i);
        share.textContent = `${Math.round(100 * smoothed[i])}%`;
        li.append(name, bar, share);
        return li;
      }),
    );
    this.list();
  }

  ring(share, text, label) {
    $("confidence").textContent = text;
    $("ring").setAttribute("aria-label", label);
    $("ring-value").classList.toggle("none", share < 0.01);
    $("ring-value").style.strokeDasharray = `${100 * share} 100`;
  }

  list() {
    const bouts = this.bouts.bouts.slice(-6).reverse();
    if (!bouts.length) return;
    $("bouts").replaceChildren(
      ...bouts.map((b) => {
        const li = document.createElement("li");
        const mark = document.createElement("i");
        mark.style.background = colourOf(b.index);
        const name = element("span");
        name.textContent = spoken(b.activity);
        const when = element("span");
        when.textContent = `${clock(b.startS)} – ${clock(b.endS)}`;
        li.append(mark, name, when);
        return li;
      }),
    );
    this.changed = true;
  }

  /**
   * The wearer taught something: the answer on the screen follows; what is on the list keeps its
   * name, and takes its activity's colour of now.
   */
  taught() {
    for (const b of this.bouts.bouts) b.index = this.wearer.activities.indexOf(b.activity);
    const heard = this.source === "sensor" && !this.walking && this.classifier.heard.length;
    if (heard) this.show(this.classifier.answer());
    else this.list();
  }

  draw() {
    if (!this.changed || $("live").hidden) return;
    this.changed = false;
    drawTrace($("trace"), this.log, SPAN_S);
    const end = this.log.length ? this.log.at(-1)[0] : 0;
    const bouts = this.bouts.bouts;
    const whole = this.source === null && this.log.length > 0;
    const from = whole ? 0 : Math.max(0, end - TIMELINE_S);
    const to = whole ? Math.max(end, 1) : Math.max(end, Math.min(TIMELINE_S, 30));
    drawTimeline($("timeline"), bouts, from, to);
    $("timeline-span").textContent = this.log.length ? `${clock(from)} – ${clock(to)}` : "";
    const period = this.classifier.resampler.periodS;
    $("rate").textContent = this.source === "sensor" && period ? `${Math.round(1 / period)} Hz · ` : "";
    const now = this.log.at(-1);
    if (now) {
      const number = (v) => v.toFixed(1).replace("-", "−");
      $("reading").textContent = `x ${number(now[1])}   y ${number(now[2])}   z ${number(now[3])}`;
    }
  }

  /** What was received, as a file that `har predict` reads. */
  saveLog() {
    const rows = this.log.map((r) => r.map((v) => +v.toFixed(6)).join(","));
    download("received.csv", "text/csv", `time_s,x,y,z\n${rows.join("\n")}\n`);
  }
}
