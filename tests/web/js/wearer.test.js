// What a wearer taught: names, how much of it is kept, and under what.
import assert from "node:assert/strict";
import { test } from "node:test";
import { packed, unpacked } from "../../../har/phone/web/js/familiarity.js";
import { Wearer } from "../../../har/phone/web/js/wearer.js";

const contract = {
  activities: ["sit", "walking_upstairs"],
  adaptation: { strength: 1, unheard: 0.1 },
  fingerprint: "f",
};
const answer = (features, p) => ({ features: Float32Array.from(features), probabilities: Float32Array.from([p, 1 - p]) });
const ANCHORS = [answer([0, 1], 0.9), answer([0, -1], 0.1)];

function shelf() {
  const kept = new Map();
  return { kept, get: async (key) => kept.get(key), put: async (key, value) => void kept.set(key, value) };
}

async function wearer(store = shelf(), changes = {}, anchors = ANCHORS) {
  const made = new Wearer({ ...contract, ...changes });
  await made.begin(anchors, store);
  return made;
}

test("an activity is known however it is written; others are new", async () => {
  const me = await wearer();
  assert.equal(me.named(" Walking  Upstairs"), "walking_upstairs");
  assert.equal(me.named("Rope  skipping "), "Rope skipping");
  await me.teach("Rope skipping", [answer([1, 0], 0.5)]);
  assert.equal(me.named("rope-skipping"), "Rope skipping");
  for (const bad of ["", "  ", "x".repeat(61), "Unknown"]) assert.throws(() => me.named(bad));
});

test("of an activity 60 windows are kept, spread over all of them", async () => {
  const me = await wearer();
  const many = Array.from({ length: 150 }, (_, i) => answer([i, 0], 0.5));
  assert.equal((await me.teach("sit", many)).windows, 150);
  assert.equal(me.taught.get("sit"), 60);
  const which = me.lessons.map((l) => l.features[0]);
  assert.equal(which[0], 0);
  which.slice(1).forEach((v, i) => assert.ok([2, 3].includes(v - which[i])));
});

test("it says what changed, and another of the same bundle knows it", async () => {
  const store = shelf();
  const me = await wearer(store);
  const windows = [answer([1, 0], 0.2), answer([1.1, 0], 0.4)];
  const said = await me.teach("sit", windows);
  assert.equal(said.before.activity, "walking_upstairs");
  assert.ok(Math.abs(said.before.probability - 0.7) < 1e-6);
  assert.equal(said.now.activity, "sit");
  const again = await wearer(store);
  assert.deepEqual(again.correct(windows[0]), me.correct(windows[0]));
  const other = await wearer(store, { fingerprint: "g" });
  assert.equal(other.correct(windows[0]), windows[0].probabilities);
  await me.forget("sit");
  assert.deepEqual(store.kept.get("f"), []);
  assert.equal(me.correct(windows[0]), windows[0].probabilities);
});

test("a bundle that cannot be taught says why", async () => {
  assert.equal((await wearer()).unable, null);
  assert.match((await wearer(shelf(), { adaptation: null })).unable, /har export/);
  assert.match((await wearer(shelf(), {}, [])).unable, /recorded windows/);
});

test("what was taught is familiar, until it is forgotten", async () => {
  // Two features, measured as they are; the model knows (0, 0).
  const distance = { features: [0, 1], means: packed([0, 0]), whitening: packed([1, 0, 1]), limit: 2 };
  const me = await wearer(shelf(), { distance });
  const window = answer([3, 4], 0.5);
  assert.equal(me.distance(window), 5);
  await me.teach("Rope skipping", [answer([3, 2], 0.5), answer([3, 6], 0.5)]);
  assert.equal(me.distance(window), 0);
  assert.deepEqual([...unpacked(me.adapter().known)], [3, 4]);
  await me.forget(null);
  assert.equal(me.distance(window), 5);
  assert.equal((await wearer()).distance(window), 0, "a bundle that cannot measure");
});
