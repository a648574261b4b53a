import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, takeKey } from "../../../har/phone/web/js/access.js";

test("the key is kept, leaves the address bar, and goes with requests", async () => {
  const kept = new Map();
  const storage = { setItem: (k, v) => kept.set(k, v), getItem: (k) => kept.get(k) ?? null };
  const seen = [];
  const history = { replaceState: (...args) => seen.push(args[2]) };
  takeKey({ location: { hash: "", pathname: "/" }, history, storage });
  assert.equal(kept.size, 0);
  takeKey({ location: { hash: "#key=aB-9_z", pathname: "/" }, history, storage });
  assert.deepEqual(seen, ["/"]);
  globalThis.localStorage = storage;
  globalThis.fetch = async (path, options) => [path, options];
  const [path, options] = await ask("/api/recordings", { method: "PUT", headers: { A: "1" } });
  assert.deepEqual([path, options.method], ["/api/recordings", "PUT"]);
  assert.deepEqual(options.headers, { A: "1", Authorization: "Bearer aB-9_z" });
});
