// Pieces on their way, over a connection that drops: exactly one recording lands.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore, Outbox, newId } from "../../../har/phone/web/js/outbox.js";
import { Recorder } from "../../../har/phone/web/js/recorder.js";

const ABOUT = { name: "ada", activity: "walking", placement: "wrist" };

/** The server's rules in small: har/phone/uploads.py. */
function server({ drop = () => false } = {}) {
  const state = { begun: new Map(), chunks: new Map(), landed: new Map(), requests: 0 };
  const answer = (status, body) => ({ ok: status < 300, status, json: async () => body });
  state.fetch = async (path, { method, body }) => {
    const fate = drop(state.requests++);
    if (fate === "before") throw new TypeError("Failed to fetch");
    const parsed = body && JSON.parse(body);
    const [, id, piece] = /^\/api\/recordings\/(\w+)(?:\/(.*))?$/.exec(path);
    const handle = () => {
      if (method === "DELETE") return state.chunks.delete(id), answer(200, {});
      if (state.landed.has(id)) return answer(200, { state: "landed" });
      if (!piece) return state.begun.set(id, parsed), state.chunks.set(id, state.chunks.get(id) ?? new Map()), answer(201, {});
      const chunks = state.chunks.get(id);
      if (!chunks) return answer(404, { error: "unknown" });
      if (piece === "finish") {
        const missing = [...Array(parsed.chunks).keys()].filter((n) => !chunks.has(n));
        if (missing.length) return answer(409, { error: "missing", missing });
        state.landed.set(id, [...Array(parsed.chunks).keys()].flatMap((n) => chunks.get(n)));
        return answer(201, { state: "landed" });
      }
      chunks.set(Number(piece.split("/")[1]), parsed.samples);
      return answer(201, {});
    };
    const result = handle();
    if (fate === "after") throw new TypeError("the answer was lost");
    return result;
  };
  return state;
}

const outboxOf = (state, store = new MemoryStore()) =>
  new Outbox({ store, fetch: state.fetch, wait: async () => {} });

async function record(outbox, n = 500) {
  const recorder = new Recorder({ outbox });
  await recorder.begin(ABOUT);
  for (let i = 0; i < n; i++) recorder.push([100 + i / 50, i, 0, 9.81]);
  await recorder.finish();
  await outbox.pump();
  return recorder.id;
}

const expected = (n) => Array.from({ length: n }, (_, i) => [Math.round((i / 50) * 1e6) / 1e6, i, 0, 9.81]);

test("a recording arrives whole and in order", async () => {
  const state = server();
  const outbox = outboxOf(state);
  const id = await record(outbox);
  assert.deepEqual(state.landed.get(id), expected(500));
  assert.deepEqual(await outbox.store.list(), []);
});

for (const kind of ["before", "after"]) {
  for (const every of [2, 3, 5]) {
    test(`every ${every}. request lost ${kind} it arrived`, async () => {
      const state = server({ drop: (n) => (n % every === every - 1 ? kind : false) });
      const id = await record(outboxOf(state));
      assert.deepEqual([...state.landed.keys()], [id]);
      assert.deepEqual(state.landed.get(id), expected(500));
    });
  }
}

test("a page that is closed midway goes on where it was", async () => {
  let up = false;
  const state = server({ drop: () => (up ? false : "before") });
  const store = new MemoryStore();
  const first = new Outbox({ store, fetch: state.fetch, wait: () => new Promise(() => {}) });
  const recorder = new Recorder({ outbox: first });
  await recorder.begin(ABOUT);
  for (let i = 0; i < 500; i++) recorder.push([i / 50, i, 0, 9.81]);
  await recorder.work;
  // The tab is gone; another one opens the same store.
  up = true;
  const second = outboxOf(state, store);
  for (const r of await store.list()) await second.close(r.id);
  await second.pump();
  const landed = state.landed.get(recorder.id);
  assert.deepEqual(landed, expected(500).slice(0, landed.length));
  assert.ok(landed.length >= 400);
});

test("what the computer lost is sent again", async () => {
  const state = server();
  const outbox = outboxOf(state);
  const recorder = new Recorder({ outbox });
  await recorder.begin(ABOUT);
  for (let i = 0; i < 500; i++) recorder.push([i / 50, i, 0, 9.81]);
  await recorder.work;
  await outbox.pump();
  state.chunks.get(recorder.id).delete(1);
  await recorder.finish();
  await outbox.pump();
  assert.equal(state.landed.get(recorder.id).length, 500);
});

test("a refusal is kept with its reason, and not sent for ever", async () => {
  const store = new MemoryStore();
  let requests = 0;
  const fetch = async () => (requests++, { ok: false, status: 422, json: async () => ({ error: "name is empty" }) });
  const outbox = new Outbox({ store, fetch, wait: async () => {} });
  await outbox.begin(ABOUT);
  await outbox.pump();
  const [kept] = await store.list();
  assert.equal(kept.problem, "name is empty");
  assert.equal(requests, 1);
});

test("an old key is waited for, not given up on", async () => {
  let key = "old";
  const inner = server();
  const fetch = async (...args) =>
    key === "new" ? inner.fetch(...args) : { ok: false, status: 401, json: async () => ({ error: "a new key" }) };
  const outbox = new Outbox({
    store: new MemoryStore(), fetch,
    wait: async () => {
      assert.equal(outbox.offline, "a new key");
      key = "new";
    },
  });
  const id = await record(outbox, 200);
  assert.equal(inner.landed.get(id).length, 200);
  assert.equal(outbox.offline, "");
});

test("a recording that the computer gave up is begun again", async () => {
  const state = server();
  const forgets = { ...state };
  const fetch = state.fetch;
  let given = 0;
  forgets.fetch = async (path, options) => {
    const answer = await fetch(path, options);
    if (!path.includes("/chunks/") && options.method === "PUT" && !given++) state.chunks.clear();
    return answer;
  };
  const id = await record(outboxOf(forgets));
  assert.deepEqual(state.landed.get(id), expected(500));
});

test("discarding forgets here and there", async () => {
  const state = server();
  const outbox = outboxOf(state);
  const recorder = new Recorder({ outbox });
  await recorder.begin(ABOUT);
  for (let i = 0; i < 200; i++) recorder.push([i / 50, i, 0, 9.81]);
  await recorder.discard();
  await outbox.pump();
  assert.deepEqual(await outbox.store.list(), []);
  assert.equal(state.chunks.size, 0);
  assert.equal(state.landed.size, 0);
});

test("the last seconds are left out", async () => {
  const state = server();
  const outbox = outboxOf(state);
  const recorder = new Recorder({ outbox, leaveOutS: 3 });
  await recorder.begin(ABOUT);
  for (let i = 0; i < 500; i++) recorder.push([i / 50, i, 0, 9.81]);
  await recorder.finish();
  await outbox.pump();
  const landed = state.landed.get(recorder.id);
  assert.equal(landed.at(-1)[0], 499 / 50 - 3);
  assert.equal(landed.length, 350);
});

test("ids are what the server takes", () => {
  assert.match(newId(), /^[0-9a-f]{32}$/);
  assert.notEqual(newId(), newId());
});
