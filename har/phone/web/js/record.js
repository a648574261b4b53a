// The Record tab: who, what and where; a recording; and what landed on the computer.

import { ask, memory } from "./access.js";
import { drawTrace } from "./draw.js";
import { onHold } from "./hold.js";
import { Outbox } from "./outbox.js";
import { clock, duration, element, notice, wakeLock } from "./page.js";
import { Recorder } from "./recorder.js";

const $ = (id) => document.getElementById(id);
const REMEMBERED = ["who", "where", "hands"];

export class Record {
  constructor({ contract, motion, store, stopLive }) {
    Object.assign(this, { motion, stopLive });
    this.outbox = new Outbox({
      store,
      fetch: ask,
      onChange: () => this.showOutbox(),
    });
    this.outbox.landed = () => this.showLanded();
    for (const name of contract.activities) {
      $("activities").append(new Option(name.replaceAll(/[_-]/g, " ")));
    }
    for (const id of REMEMBERED) $(id).value = memory.getItem(`har.${id}`) ?? $(id).value;
    $("record-form").addEventListener("submit", (e) => {
      e.preventDefault();
      this.start();
    });
    const inPocket = () => this.recorder?.leaveOutS > 0;
    onHold($("stop-recording"), inPocket, () => this.stop());
    onHold($("discard-recording"), inPocket, () => this.discard());
    addEventListener("beforeunload", (e) => {
      if (this.recorder || this.keeping) e.preventDefault();
    });
    this.#own();
    this.showLanded();
  }

  /** One tab sends and records; another waits until that one is closed. */
  #own() {
    const take = () => {
      this.mine = true;
      this.resume();
      return new Promise(() => {}); // held until the page goes
    };
    if (navigator.locks) navigator.locks.request("har-outbox", take);
    else take();
  }

  /** What a closed tab left behind is still sent: up to where it had come. */
  async resume() {
    for (const recording of await this.outbox.store.list()) {
      if (!recording.closed) await this.outbox.close(recording.id);
    }
    this.outbox.pump();
    this.showOutbox();
    this.showLanded();
  }

  async start() {
    if (this.recorder) return;
    notice(this.mine ? null : "This page is open in another tab: record there, or close it.", {
      id: "record-notice",
    });
    if (!this.mine) return;
    this.stopLive();
    try {
      await this.motion.start();
    } catch (error) {
      return notice(error.message, { id: "record-notice" });
    }
    for (const id of REMEMBERED) memory.setItem(`har.${id}`, $(id).value);
    const hands = Number($("hands").value);
    this.recorder = new Recorder({ outbox: this.outbox, leaveOutS: hands });
    this.seen = [];
    this.early = [];
    this.begun = false;
    this.lead = performance.now() + hands * 1000;
    $("record-form").hidden = true;
    $("recording").hidden = false;
    $("stop-recording").disabled = true;
    $("stop-recording").textContent = hands ? "Hold to stop" : "Stop and keep";
    $("discard-recording").textContent = hands ? "Hold to discard" : "Discard";
    wakeLock.take();
    navigator.storage?.persist?.();
    this.motion.listeners.add((this.listener = (sample) => this.receive(sample)));
    this.timer = setInterval(() => this.show(), 100);
    this.show();
  }

  receive(sample) {
    this.seen.push(sample);
    if (this.seen.length > 4000) this.seen.splice(0, 2000);
    if (performance.now() < this.lead) return;
    if (!this.begun) {
      this.begun = true;
      const recorder = this.recorder;
      const about = {
        name: $("who").value,
        activity: $("what").value,
        placement: $("where").value,
        started: new Date().toISOString(),
        device: navigator.userAgent.slice(0, 300),
        negated: this.motion.negate,
      };
      recorder.ready = recorder.begin(about).then(() => this.#pour(recorder));
      navigator.vibrate?.(200);
    }
    // A piece is only sent once the recording has its id.
    this.early.push(sample);
    if (this.recorder.id) this.#pour(this.recorder);
  }

  #pour(recorder) {
    for (const sample of this.early) recorder.push(sample);
    this.early = [];
  }

  show() {
    const left = (this.lead - performance.now()) / 1000;
    const recorder = this.recorder;
    if (left > 0) {
      $("recording-eyebrow").textContent = "Put the phone away";
      $("recording-clock").textContent = `${Math.ceil(left)}`;
      $("recording-sub").textContent = "Recording begins when this reaches zero.";
    } else if (!recorder.samples) {
      const dead = left < -3;
      $("recording-eyebrow").textContent = dead ? "No motion" : "Waiting for the sensor";
      $("recording-clock").textContent = "0:00";
      $("recording-sub").textContent = dead
        ? "The browser gives no motion here. On a phone, use the https address that " +
          "`har serve --https` prints."
        : "";
    } else {
      const rate = recorder.samples / Math.max(recorder.lengthS, 0.1);
      $("recording-eyebrow").textContent = `Recording ${$("what").value}`;
      $("recording-clock").textContent = clock(recorder.lengthS);
      const cut = recorder.leaveOutS ? `; the last ${recorder.leaveOutS} s will be left out` : "";
      $("recording-sub").textContent = `${recorder.samples} samples, ${rate.toFixed(0)} Hz${cut}`;
      $("stop-recording").disabled = recorder.lengthS <= recorder.leaveOutS + 1;
    }
    drawTrace($("recording-trace"), this.seen, 8);
  }

  #end() {
    clearInterval(this.timer);
    this.motion.listeners.delete(this.listener);
    this.motion.stop();
    wakeLock.release();
    const recorder = this.recorder;
    this.recorder = null;
    $("record-form").hidden = false;
    $("recording").hidden = true;
    return recorder;
  }

  async stop() {
    const recorder = this.#end();
    this.keeping = true;
    await recorder.ready;
    await recorder.finish();
    this.keeping = false;
    notice("Recorded. It is kept on this phone until the computer has it.", {
      id: "record-notice",
      good: true,
    });
  }

  async discard() {
    const recorder = this.#end();
    await recorder.ready;
    if (recorder.id) await recorder.discard();
    this.showOutbox();
  }

  async showOutbox() {
    const waiting = await this.outbox.store.list();
    const closed = waiting.filter((r) => r.closed && !r.problem);
    const bad = waiting.find((r) => r.problem);
    const lines = [];
    if (this.outbox.offline && waiting.length) lines.push(this.outbox.offline);
    if (closed.length) {
      const sent = closed.reduce((n, r) => n + r.sent, 0);
      const all = closed.reduce((n, r) => n + r.chunks, 0);
      lines.push(`${closed.length} on the way: ${sent} of ${all} pieces.`);
    }
    $("outbox").textContent = lines.join(" ");
    $("outbox").hidden = !lines.length;
    if (bad) notice(`“${bad.about.activity}” was refused: ${bad.problem}`, { id: "record-notice" });
    if (!waiting.length) this.showLanded();
  }

  async showLanded() {
    let summary;
    try {
      const response = await ask("/api/recordings");
      summary = await response.json();
      if (!response.ok) return notice(summary.error, { id: "record-notice" });
    } catch {
      return; // offline: what was shown stays
    }
    const rows = Object.entries(summary.people).flatMap(([who, of]) =>
      Object.entries(of).map(([what, seconds]) => [who, what, duration(seconds)]),
    );
    $("next-step").hidden = !rows.length;
    $("worth").textContent =
      Object.keys(summary.people).length < 3
        ? "With fewer than three people it is tested on other recordings of the same people: " +
          "that score tells nothing about anybody else."
        : "Three people are enough to test on held-out people: --set split.scheme=subject-folds " +
          "--set split.folds=3";
    if (!rows.length) {
      const empty = element("p", "sub");
      empty.textContent = "Nothing yet.";
      return $("landed").replaceChildren(empty);
    }
    const table = element("table");
    const row = (cells, tag) => {
      const tr = element("tr");
      for (const text of cells) tr.append(Object.assign(element(tag), { textContent: text }));
      return tr;
    };
    table.append(row(["who", "activity", "time"], "th"), ...rows.map((r) => row(r, "td")));
    $("landed").replaceChildren(table);
  }
}
