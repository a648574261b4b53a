// The resampler against har/signal/resampling.py: golden.json is written by test_javascript.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Resampler, TooSlow, decimationTaps, median, resample } from "../../../har/phone/web/js/resampling.js";
import { Windower } from "../../../har/phone/web/js/windows.js";

const golden = JSON.parse(readFileSync(process.env.HAR_GOLDEN, "utf8"));
// float32 holds 24 bits: two ways to sum the same terms end within a few of the last one.
const NEAR = 2e-6;

function assertSame(stretches, expected, what) {
  assert.deepEqual(stretches.map((s) => [s.start, s.rows.length]),
    expected.map((s) => [s.start, s.rows.length]), what);
  stretches.forEach((s, i) =>
    s.rows.forEach((row, j) =>
      row.forEach((v, c) => {
        const want = expected[i].rows[j][c];
        assert.ok(Math.abs(v - want) <= NEAR * (10 + Math.abs(want)), `${what} ${i} ${j} ${c}: ${v} ${want}`);
      }),
    ),
  );
}

for (const { name, options, samples, stretches } of golden.resampling) {
  test(`resampling ${name}: whole recordings`, () => {
    assertSame(resample(samples, options), stretches, name);
  });
}

for (const { name, options, samples, windows } of golden.windows) {
  test(`streaming ${name}: windows as the Python phone pipeline cuts them`, () => {
    const got = [];
    const windower = new Windower({
      nRaw: golden.nRaw, hop: golden.hop,
      onWindow: (w) => got.push({ start: w.start, fresh: w.fresh, rows: Array.from(w.rows) }),
    });
    const resampler = new Resampler(options);
    resampler.onRow = (i, row) => windower.push(i, row);
    resampler.onBreak = () => windower.interrupt();
    for (const s of samples) resampler.push(...s);
    resampler.finish();
    assert.deepEqual(got.map((w) => [w.start, w.fresh]), windows.map((w) => [w.start, w.fresh]));
    got.forEach((w, i) =>
      w.rows.forEach((v, j) => {
        const want = windows[i].rows[j];
        assert.ok(Math.abs(v - want) <= NEAR * (10 + Math.abs(want)), `${name} ${i} ${j}: ${v} ${want}`);
      }),
    );
  });
}

test("the low-pass is scipy's firwin", () => {
  for (const [k, taps] of Object.entries(golden.taps)) {
    const got = decimationTaps(Number(k));
    assert.equal(got.length, taps.length);
    taps.forEach((tap, i) => assert.ok(Math.abs(got[i] - tap) < 1e-14, `${k} ${i}`));
  }
});

test("the median is numpy's", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

test("a sensor too slow for the model says so", () => {
  const slow = new Resampler({ targetHz: 50, maxGapS: 0.25, warmUp: 5 });
  assert.throws(() => [0, 1, 2, 3, 4].forEach((t) => slow.push(0.2 * t, 0, 0, 0)), TooSlow);
});

test("windows: no overlap of stretches, an incomplete tail gives none", () => {
  const starts = [];
  const w = new Windower({ nRaw: 4, hop: 2, onWindow: (x) => starts.push([x.start, x.fresh, ...x.rows]) });
  for (let i = 0; i < 7; i++) w.push(10 + i, [i, 0, 0]);
  w.interrupt();
  for (let i = 0; i < 4; i++) w.push(30 + i, [i, 0, 0]);
  assert.deepEqual(starts.map((s) => s.slice(0, 2)), [[10, true], [12, false], [30, true]]);
  assert.deepEqual(starts[1].slice(2), [2, 0, 0, 3, 0, 0, 4, 0, 0, 5, 0, 0]);
});
