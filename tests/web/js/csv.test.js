import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCsv } from "../../../har/phone/web/js/csv.js";

const lines = (header, row, n = 6) => [header, ...Array.from({ length: n }, (_, i) => row(i))].join("\n");

test("the page's own form", () => {
  const { rows, skipped } = parseCsv(lines("time_s,x,y,z", (i) => `${10 + i / 50},1,2,9.8`));
  assert.equal(skipped, 0);
  assert.equal(rows.length, 6);
  assert.ok(Math.abs(rows[5][0] - 0.1) < 1e-9);
  assert.deepEqual(rows[0], [0, 1, 2, 9.8]);
});

test("Sensor Logger: its columns run z, y, x, and its time is in nanoseconds", () => {
  const text = lines("time,seconds_elapsed,z,y,x", (i) => `${1.6e18 + i * 2e7},${i / 50},9.8,2,1`);
  assert.deepEqual(parseCsv(text).rows[1], [0.02, 1, 2, 9.8]);
});

test("phyphox with semicolons and decimal commas", () => {
  const text = lines('"Time (s)";"X (m/s^2)";"Y (m/s^2)";"Z (m/s^2)"', (i) => `0,0${i};1,5;2,5;9,8`);
  assert.deepEqual(parseCsv(text).rows[3], [0.03, 1.5, 2.5, 9.8]);
});

test("milliseconds are told by their step", () => {
  const { rows } = parseCsv(lines("t,x,y,z", (i) => `${i * 20},0,0,9.8`));
  assert.ok(Math.abs(rows[1][0] - 0.02) < 1e-12);
});

test("rows without a number or a later time are counted", () => {
  const text = lines("time,x,y,z", (i) => (i === 2 ? "0.04,,0,9.8" : `${i === 4 ? 0 : i / 50},0,0,9.8`), 8);
  const { rows, skipped } = parseCsv(text);
  assert.deepEqual([rows.length, skipped], [6, 2]);
});

test("what is wrong is said", () => {
  assert.throws(() => parseCsv("a,b\n1,2\n"), /fewer than five lines/);
  assert.throws(() => parseCsv(lines("a,b,c", () => "1,2,3")), /must name time, x, y and z/);
  assert.throws(() => parseCsv(lines("time,x,y,z", (i) => `${i / 50},0,0,1.01`)), /look like g/);
});
