// The page: loads the bundle, checks it on this device, and ties the tabs together.

import { memory, takeKey } from "./access.js";
import { readManifest } from "./classifier.js";
import { openShelf } from "./database.js";
import { Live } from "./live.js";
import { loadModel } from "./model.js";
import { Motion, isApple } from "./motion.js";
import { openStore } from "./outbox.js";
import { notice } from "./page.js";
import { Record } from "./record.js";
import { Teach } from "./teach.js";
import { Wearer, spoken } from "./wearer.js";

const $ = (id) => document.getElementById(id);
const TABS = ["live", "record", "about"];

function showTab(name) {
  for (const tab of TABS) {
    $(tab).hidden = tab !== name;
    $(`tab-${tab}`).setAttribute("aria-selected", tab === name);
    $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
  }
}

function wireTabs() {
  TABS.forEach((tab, i) => {
    $(`tab-${tab}`).addEventListener("click", () => showTab(tab));
    $(`tab-${tab}`).addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: TABS.length - 1 }[e.key];
      if (!step) return;
      const next = TABS[(i + step) % TABS.length];
      showTab(next);
      $(`tab-${next}`).focus();
    });
  });
}

async function json(url) {
  const response = await fetch(url);
  return response.ok ? response.json() : null;
}

/** The lowest TensorFlow Lite of each file; bundles of before do not say. */
function runtimes(variants) {
  const said = Object.entries(variants).filter(([, v]) => v.min_runtime);
  return said.map(([name, v]) => `${name}: TensorFlow Lite ${v.min_runtime}`).join(", ") || "not known";
}

function showFacts(m) {
  const score = m.score_of;
  const percent = (v) => `${(100 * v).toFixed(1)} %`;
  const facts = [
    ["Model", `${m.architecture}, ${m.parameters.toLocaleString("en")} parameters`],
    ["Activities", m.activities.map(spoken).join(", ")],
    ["Worn at", m.input.placements.join(", ") || "not recorded"],
    ["Window", `${m.window.length_s.toFixed(2)} s at ${m.rate_hz} Hz, every ${m.window.hop_s.toFixed(2)} s`],
    ["Macro-F1", score ? `${score.macro_f1.toFixed(3)} (accuracy ${percent(score.accuracy)})` : "not measured"],
    ["Trained on", `${m.trained_on.subjects.length} people`],
    ["Unknown below", m.abstention ? percent(m.abstention.threshold) : "never: it always answers"],
    ["Unlike training", m.abstention?.distance ? "unknown too, by its features" : "not noticed"],
    ["Runs on", runtimes(m.variants)],
    ["Data", `${m.data.name}: ${m.data.licence}`],
  ];
  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, ".");
  $("turned").hidden = !m.align;
  $("turned").textContent = m.align
    ? `It expects samples aligned with gravity using the first ${m.align.seconds} s of walking: ` +
      "postures are then recognised however the phone is tilted."
    : "";
  $("score-of").textContent = score
    ? `The score is ${score.what}.`
    : "Nobody was held out when this model was made, so its score on new people is unknown.";
  $("protocol").textContent = score ? sentence(score.protocol) : "";
  $("facts").replaceChildren(
    ...facts.flatMap(([term, text]) => [
      Object.assign(document.createElement("dt"), { textContent: term }),
      Object.assign(document.createElement("dd"), { textContent: text }),
    ]),
  );
}

/** What the model says of the recorded windows in this browser, and how long it takes for each. */
async function askAll(run, windows) {
  const began = performance.now();
  const answers = [];
  for (const window of windows) answers.push(await run(Float32Array.from(window.flat())));
  return { answers, eachMs: (performance.now() - began) / windows.length };
}

/** These answers against what the evaluated model said. */
function selfCheck(answers, eachMs, sample) {
  let worst = 0;
  answers.forEach(({ probabilities: got }, i) => {
    sample.probabilities[i].forEach((p, k) => (worst = Math.max(worst, Math.abs(p - got[k]))));
  });
  const good = worst <= 1e-4;
  $("self-check").textContent = good
    ? `${answers.length} recorded windows give the probabilities of the model that was ` +
      `evaluated (largest difference ${worst.toExponential(1)}), ${eachMs.toFixed(2)} ms each.`
    : `This browser's answers differ from those of the evaluated model: a probability ` +
      `differs by ${worst.toFixed(4)}. Do not trust its answers.`;
  if (!good) notice($("self-check").textContent);
  return { worst, windows: answers.length };
}

/** Keeps the page for reloads without network, where the browser trusts the origin. */
async function keepOffline(busy) {
  if (!navigator.serviceWorker) return;
  if (navigator.serviceWorker.controller) {
    // The server has another model or page: show that, unless something is under way.
    navigator.serviceWorker.addEventListener("controllerchange", () => busy() || location.reload());
  }
  try {
    await navigator.serviceWorker.register("/sw.js");
    const registration = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map((e) => new URL(e.name));
    const keep = loaded
      .filter((u) => u.origin === location.origin && u.pathname.startsWith("/vendor/"))
      .map((u) => u.pathname);
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) => ($("offline").hidden = data !== "kept");
    registration.active.postMessage({ keep: [...new Set(keep)] }, [channel.port2]);
  } catch {
    // An untrusted certificate: everything works until the page is closed.
  }
}

/** The bundle that the address names (`?model=gru`), or the first; a list of them if there are more. */
function chosen(bundles) {
  const name = new URLSearchParams(location.search).get("model");
  const bundle = bundles.find((b) => b.name === name) ?? bundles[0];
  const list = $("model");
  list.replaceChildren(...bundles.map((b) => new Option(b.name, b.name, false, b === bundle)));
  $("models").hidden = bundles.length < 2;
  list.addEventListener("change", () => {
    if (!globalThis.har?.record.recorder) location.search = new URLSearchParams({ model: list.value });
    else list.value = bundle.name; // loading another model would end the recording
  });
  return bundle;
}

async function main() {
  takeKey({ location, history, storage: memory });
  wireTabs();
  const { at } = chosen(await json("/bundles.json"));
  const manifest = await json(`${at}/model.json`);
  const contract = readManifest(manifest);
  showFacts(manifest);
  const [run, sample] = await Promise.all([
    loadModel(`${at}/model.tflite`, manifest.input.shape),
    json(`${at}/sample.json`),
  ]);
  const stored = memory.getItem("har.negate");
  const motion = new Motion({ negate: stored === null ? isApple() : stored === "true" });
  $("negate").checked = motion.negate;
  $("negate").addEventListener("change", (e) => {
    motion.negate = e.target.checked;
    memory.setItem("har.negate", motion.negate);
  });
  const wearer = new Wearer(contract);
  const live = new Live({ contract, run, wearer, motion: motionFor(contract, motion), sample });
  const record = new Record({
    contract,
    motion,
    store: await openStore(),
    stopLive: () => live.source && live.stop("Stopped"),
  });
  live.busy = () => Boolean(record.recorder);
  const { answers, eachMs } = await askAll(run, sample?.windows ?? []);
  const checked = sample ? selfCheck(answers, eachMs, sample) : null;
  await wearer.begin(answers, await openShelf("har-lessons"));
  const teach = new Teach({ live, wearer });
  $("model-line").textContent = `${manifest.model} · ${manifest.activities.length} activities · ${manifest.data.name}`;
  // What a test, or a curious reader with the console open, may look at.
  globalThis.har = { contract, run, live, record, motion, checked, wearer, teach };
  document.documentElement.dataset.state = "ready";
  keepOffline(() => live.source || record.recorder || record.keeping);
}

/** A model of acceleration without gravity listens to that; recordings always keep gravity. */
function motionFor(contract, motion) {
  if (contract.gravity === "present") return motion;
  const other = new Motion({ negate: motion.negate, gravity: contract.gravity });
  $("negate").addEventListener("change", (e) => (other.negate = e.target.checked));
  return other;
}

main().catch((error) => {
  $("model-line").textContent = "The model could not be loaded.";
  notice(error.message);
  document.documentElement.dataset.state = "failed";
});
