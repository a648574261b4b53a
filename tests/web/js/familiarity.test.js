// Distances against har/runtime/familiarity.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { packed, Ruler, unpacked } from "../../../har/phone/web/js/familiarity.js";

const golden = JSON.parse(readFileSync(process.env.HAR_GOLDEN, "utf8"));

golden.familiarity.forEach(({ distance, features, distances, taught, thenDistances }, n) => {
  test(`distances by ruler ${n}, before and after the wearer taught`, () => {
    const ruler = new Ruler(distance);
    const agree = (wanted) =>
      features.forEach((f, i) => assert.ok(Math.abs(ruler.distance(f) - wanted[i]) < 1e-9, `${i}`));
    agree(distances);
    ruler.knowing(taught.map((m) => Float64Array.from(m)));
    agree(thenDistances);
    ruler.knowing([]);
    agree(distances);
  });
});

test("packed numbers come back as float32", () => {
  const numbers = [0, -1.5, Math.PI, 1e-20];
  assert.deepEqual([...unpacked(packed(numbers))], numbers.map(Math.fround));
});
