// The correction against har/runtime/correction.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { apply, fit } from "../../../har/phone/web/js/correction.js";

const golden = JSON.parse(readFileSync(process.env.HAR_GOLDEN, "utf8"));

const near = (got, wanted, within) => {
  assert.equal(got.length, wanted.length);
  got.forEach((v, i) => assert.ok(Math.abs(v - wanted[i]) < within, `${i}: ${v} ${wanted[i]}`));
};

for (const c of golden.corrections) {
  test(`a correction: ${c.name}`, () => {
    const found = fit(c.taught, c.labels, c.anchors, c.nActivities, c.adaptation);
    near(found.weights, c.weights.flat(), 1e-9);
    near(found.offset, c.offset, 1e-7);
    assert.equal(c.heard.length, c.corrected.length);
    c.heard.forEach((answer, i) => near(apply(found, answer), c.corrected[i], 1e-8));
  });
}
