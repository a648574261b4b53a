// Events to samples: signs, permission, what is missing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Motion, MotionError, isApple, sampleOf } from "../../../har/phone/web/js/motion.js";

const event = (ms, x, y, z) => {
  const e = new Event("devicemotion");
  Object.defineProperty(e, "timeStamp", { value: ms });
  e.accelerationIncludingGravity = { x, y, z };
  e.acceleration = { x, y, z: z - 9.81 };
  return e;
};

function phone(extra = {}) {
  const target = new EventTarget();
  target.DeviceMotionEvent = Object.assign(class {}, extra);
  return target;
}

test("a phone flat on a table reads +9.81 on both systems", () => {
  assert.deepEqual(sampleOf(event(20, 0, 0, 9.81), { negate: false }), [0.02, 0, 0, 9.81]);
  assert.deepEqual(sampleOf(event(20, 0, 0, -9.81), { negate: true })[3], 9.81);
});

test("models of acceleration without gravity get that", () => {
  assert.equal(sampleOf(event(0, 0, 0, 9.81), { negate: false, gravity: "removed" })[3], 0);
});

test("iOS is told by its name, iPads by their touch screen", () => {
  assert.ok(isApple({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)" }));
  assert.ok(isApple({ userAgent: "Macintosh", platform: "MacIntel", maxTouchPoints: 5 }));
  assert.ok(!isApple({ userAgent: "Macintosh", platform: "MacIntel", maxTouchPoints: 0 }));
  assert.ok(!isApple({ userAgent: "Mozilla/5.0 (Linux; Android 15)", platform: "Linux armv81" }));
});

test("times begin at zero and rise; repeated events are counted", async () => {
  const target = phone();
  const motion = new Motion({ target, negate: false });
  const got = [];
  motion.listeners.add((s) => got.push(s));
  await motion.start();
  for (const ms of [1000, 1020, 1020, 1010, 1040]) target.dispatchEvent(event(ms, 1, 2, 3));
  motion.stop();
  target.dispatchEvent(event(1060, 1, 2, 3));
  assert.deepEqual(got.map((s) => Math.round(1000 * s[0])), [0, 20, 40]);
  assert.equal(motion.repeated, 2);
});

test("a computer's empty event is no sample", async () => {
  const target = phone();
  const motion = new Motion({ target, negate: false });
  motion.listeners.add(() => assert.fail());
  await motion.start();
  target.dispatchEvent(event(0, null, null, null));
});

test("iOS asks for permission, and a refusal is explained", async () => {
  let asked = 0;
  const granting = phone({ requestPermission: async () => (asked++, "granted") });
  await new Motion({ target: granting, negate: true }).start();
  assert.equal(asked, 1);
  const refusing = phone({ requestPermission: async () => "denied" });
  await assert.rejects(new Motion({ target: refusing, negate: true }).start(), MotionError);
  const throwing = phone({ requestPermission: async () => Promise.reject(new Error("no tap")) });
  await assert.rejects(new Motion({ target: throwing, negate: true }).start(), /not allowed/);
});

test("without a sensor or a secure page the reason is said", async () => {
  const none = Object.assign(new EventTarget(), { isSecureContext: true });
  await assert.rejects(new Motion({ target: none, negate: false }).start(), /no motion sensor/);
  const plain = Object.assign(new EventTarget(), { isSecureContext: false });
  await assert.rejects(new Motion({ target: plain, negate: false }).start(), /--https/);
});
