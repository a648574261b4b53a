// Turning against har/signal/align.py: golden.json is written by test_javascript.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Aligner, Reference, shortest, unit } from "../../../har/phone/web/js/align.js";
import { Classifier, readManifest } from "../../../har/phone/web/js/classifier.js";

const golden = JSON.parse(readFileSync(process.env.HAR_GOLDEN, "utf8"));
const near = (got, want, what) => assert.ok(Math.abs(got - want) <= 1e-5, `${what}: ${got} ${want}`);

/** A classifier whose model keeps what it is given. */
function listening(manifest) {
  const windows = [];
  const run = async (rows) => {
    windows.push(Array.from(rows));
    return { probabilities: Float32Array.from([0.2, 0.8]), features: null };
  };
  const answers = [];
  const classifier = new Classifier(readManifest(manifest), run, (a) => answers.push(a));
  return { classifier, windows, answers };
}

for (const { name, manifest, samples, windows, seconds } of golden.aligned) {
  test(`${name}: windows as the Python phone pipeline cuts and turns them`, async () => {
    const { classifier, windows: got, answers } = listening(manifest);
    for (const s of samples) classifier.push(...s);
    await classifier.finish();
    assert.equal(classifier.aligner.seconds, seconds);
    assert.ok(windows.length > 0);
    const { leadIn, rateHz } = classifier.contract;
    assert.deepEqual(
      answers.map((a) => [Math.round(a.startS * rateHz - leadIn / 2), a.fresh]),
      windows.map((w) => [w.start, w.fresh]),
    );
    got.forEach((rows, i) => rows.forEach((v, j) => near(v, windows[i].rows[j], `${i} ${j}`)));
  });
}

test("the least rotation is Python's, half turns too", () => {
  for (const { a, axis, rotation } of golden.rotations) {
    shortest(a, unit(axis)).forEach((row, i) =>
      row.forEach((v, j) => assert.ok(Math.abs(v - rotation[i][j]) < 1e-12, `${axis} ${i} ${j}`)),
    );
  }
});

const OPTIONS = { rateHz: 4, seconds: 3, axis: "z", moving: 0.5, around: 1, atLeast: 2 };
const walk = (take, n) => {
  for (let i = 0; i < 4 * n; i++) take([9.81 + (i % 2 ? 1 : -1), 0, 0]);
};

test("nothing comes before the walking is there, and then everything", () => {
  const aligner = new Aligner(OPTIONS);
  const got = [];
  let index = 0;
  aligner.onRow = (i, row) => got.push([i, ...row]);
  aligner.onBreak = () => got.push("gap");
  const push = (row) => aligner.push(index++, row);
  for (let i = 0; i < 8; i++) push([9.81, 0, 0]);
  aligner.interrupt();
  walk(push, 4);
  assert.equal(aligner.reference.counted, 2);
  assert.ok(aligner.reference.moving);
  assert.deepEqual(got, []);
  walk(push, 1);
  assert.equal(got.length, 8 + 1 + 20);
  assert.equal(got[8], "gap");
  assert.deepEqual(got.filter((g) => g !== "gap").map((g) => g[0]), [...Array(28).keys()]);
  near(got[0][3], 9.81, "turned from x to z");
  push([0, 1, 0]);
  assert.equal(got.at(-1)[0], 28);
});

test("a wearer who never walks does not fill the memory", () => {
  const aligner = new Aligner({ ...OPTIONS, hold: 100 });
  const got = [];
  aligner.onRow = (i) => got.push(i);
  for (let i = 0; i < 1000; i++) aligner.push(i, [9.81, 0, 0]);
  aligner.finish();
  assert.ok(got.length > 80 && got.length <= 100);
  assert.equal(got.at(-1), 999);
  assert.equal(aligner.seconds, 0);
});

test("samples without gravity are refused", () => {
  const reference = new Reference(OPTIONS);
  walk(([x, y, z]) => reference.push([x - 9.81, y + (x > 9.81 ? 2 : 0), z]), 5);
  assert.equal(reference.counted, 3);
  assert.throws(() => reference.rotation("x"), /with gravity/);
});

test("calibrated again, what follows is turned by another walk", async () => {
  const { manifest, samples } = golden.aligned[0];
  const { classifier, windows, answers } = listening(manifest);
  for (const s of samples) classifier.push(...s);
  await classifier.settled();
  const before = answers.length;
  const turn = classifier.aligner.matrix;
  classifier.calibrate();
  const later = samples.at(-1)[0] + 0.02;
  for (const [t, x, y, z] of samples) classifier.push(t + later, -x, y, -z);
  await classifier.finish();
  assert.notDeepEqual(classifier.aligner.matrix, turn);
  assert.ok(answers[before].fresh, "no window holds samples of both");
  const mean = [0, 1, 2].map((c) => {
    const values = windows.at(-1).filter((_, j) => j % 3 === c);
    return values.reduce((a, b) => a + b, 0) / values.length;
  });
  near(Math.round(mean[0]), 10, "upright again");
});

test("a way to turn that this page does not know is refused", () => {
  const { manifest } = golden.aligned[0];
  const other = { ...manifest, align: { ...manifest.align, kind: "standing-1" } };
  assert.throws(() => readManifest(other), /standing-1/);
  assert.equal(readManifest(golden.manifest).align, null);
});
