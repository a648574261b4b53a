// What a recording is like, against har/runtime/likeness.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Portrait } from "../../../har/phone/web/js/likeness.js";

const { like, cases } = JSON.parse(readFileSync(process.env.HAR_GOLDEN, "utf8")).likeness;

for (const { name, windows, features, unlike } of cases) {
  test(`a recording with ${name} planted`, () => {
    const portrait = new Portrait(like.lags);
    for (const rows of windows) portrait.push(Float32Array.from(rows));
    if (features) {
      portrait.features().forEach((v, i) => {
        assert.ok(Math.abs(v - features[i]) < 1e-9 * Math.max(1, Math.abs(v)), `${i} ${v} ${features[i]}`);
      });
    } else assert.equal(portrait.nMoving, 0);
    assert.deepEqual(portrait.compare(like).map((u) => u.check), unlike);
  });
}
