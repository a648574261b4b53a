// Smoothing and bouts against har/runtime/smoothing.py and predict.py, and the classifier's order.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Bouts } from "../../../har/phone/web/js/bouts.js";
import { Classifier, readManifest } from "../../../har/phone/web/js/classifier.js";
import { Smoother } from "../../../har/phone/web/js/smoothing.js";

const golden = JSON.parse(readFileSync(process.env.HAR_GOLDEN, "utf8"));

for (const { nWindows, threshold, limit, distances, probabilities, smoothed, answers, bouts } of golden.answers) {
  test(`smoothing over ${nWindows}, threshold ${threshold}, limit ${limit}`, () => {
    const smoother = new Smoother({ nWindows, threshold, limit: limit ?? undefined });
    const list = new Bouts({ hopS: golden.hopS, lengthS: golden.lengthS, nSmoothed: nWindows });
    probabilities.forEach((p, i) => {
      const got = smoother.push(p, distances[i]);
      got.smoothed.forEach((v, k) => assert.ok(Math.abs(v - smoothed[i][k]) < 1e-12));
      assert.equal(got.answer, answers[i]);
      const activity = got.answer < 0 ? "unknown" : `a${got.answer}`;
      list.push({ ...got, activity, fresh: i === 0, startS: golden.beginS + i * golden.hopS });
    });
    list.finish();
    assert.deepEqual(list.bouts.map((b) => b.activity), bouts.map((b) => b.activity));
    list.bouts.forEach((b, i) => {
      assert.ok(Math.abs(b.startS - bouts[i].start_s) < 1e-9, `${i} ${b.startS}`);
      assert.ok(Math.abs(b.endS - bouts[i].end_s) < 1e-9, `${i} ${b.endS}`);
      assert.ok(Math.abs(b.confidence - bouts[i].confidence) < 1e-9);
    });
  });
}

const contract = readManifest(golden.manifest);

test("answers come in order of time, whatever the model takes", async () => {
  const answers = [];
  let calls = 0;
  const run = async () => {
    const mine = calls++;
    await new Promise((r) => setTimeout(r, mine % 2 ? 0 : 5));
    return { probabilities: Float32Array.from([0.2, 0.8]), features: null };
  };
  const classifier = new Classifier(contract, run, (a) => answers.push(a));
  for (let i = 0; i < 600; i++) classifier.push(i / contract.rateHz, 0, 0, 9.81);
  await classifier.finish();
  const step = contract.hop / contract.rateHz;
  assert.ok(answers.length > 5);
  answers.forEach((a, i) => assert.ok(Math.abs(a.startS - answers[0].startS - i * step) < 1e-9));
  assert.deepEqual(answers.map((a) => a.fresh), answers.map((_, i) => i === 0));
  assert.equal(answers[0].activity, contract.activities[1]);
});

test("a contract that this page does not know is refused", () => {
  const m = golden.manifest;
  for (const other of [
    { ...m, schema: "har-model/2" },
    { ...m, resampler: { ...m.resampler, kind: "spline" } },
    { ...m, smoothing: { ...m.smoothing, kind: "hmm" } },
  ]) {
    assert.throws(() => readManifest(other));
  }
});
