// Recordings on their way to the computer. What was recorded is kept here until it has landed.
//
// Every request may be repeated without harm, so that a dropped connection is only waited for:
// pieces have numbers, and finishing twice lands one recording.

import { openDatabase, transact } from "./database.js";

export class MemoryStore {
  recordings = new Map();
  chunks = new Map();
  async list() {
    return [...this.recordings.values()].map((r) => ({ ...r }));
  }
  async put(recording) {
    this.recordings.set(recording.id, { ...recording });
  }
  async putChunk(id, n, samples) {
    this.chunks.set(`${id}/${n}`, samples);
  }
  async getChunk(id, n) {
    return this.chunks.get(`${id}/${n}`);
  }
  async remove(id) {
    this.recordings.delete(id);
    for (const key of [...this.chunks.keys()]) if (key.startsWith(id)) this.chunks.delete(key);
  }
}

export class IndexedStore {
  constructor(name = "har-outbox") {
    this.opened = openDatabase(name, { recordings: { keyPath: "id" }, chunks: {} });
  }
  async #do(store, mode, act) {
    return transact(await this.opened, store, mode, act);
  }
  list() {
    return this.#do("recordings", "readonly", (s) => s.getAll());
  }
  put(recording) {
    return this.#do("recordings", "readwrite", (s) => s.put(recording));
  }
  putChunk(id, n, samples) {
    return this.#do("chunks", "readwrite", (s) => s.put(samples, [id, n]));
  }
  getChunk(id, n) {
    return this.#do("chunks", "readonly", (s) => s.get([id, n]));
  }
  async remove(id) {
    await this.#do("chunks", "readwrite", (s) => s.delete(IDBKeyRange.bound([id], [id, []])));
    await this.#do("recordings", "readwrite", (s) => s.delete(id));
  }
}

/** The database, or memory where the browser gives none (private browsing). */
export async function openStore() {
  try {
    const store = new IndexedStore();
    await store.opened;
    return store;
  } catch {
    return new MemoryStore();
  }
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

const NO_CONNECTION = "No connection; sending resumes by itself.";

class Refused extends Error {}
class Waits extends Error {}

export class Outbox {
  constructor({ store, fetch = globalThis.fetch.bind(globalThis), onChange = () => {}, wait = later }) {
    Object.assign(this, { store, fetch, onChange, wait });
    this.queues = Promise.resolve();
    this.pumping = null;
    this.offline = ""; // or why nothing can be sent just now
  }

  async begin(about) {
    const recording = { id: newId(), about, chunks: 0, sent: 0, closed: false, problem: null };
    await this.store.put(recording);
    this.pump();
    return recording.id;
  }

  add(id, samples) {
    return this.#change(id, async (recording) => {
      await this.store.putChunk(id, recording.chunks, samples);
      recording.chunks += 1;
    });
  }

  close(id) {
    return this.#change(id, async (recording) => {
      recording.closed = true;
    });
  }

  async discard(id) {
    await this.#serially(() => this.store.remove(id));
    this.onChange();
    await this.#send("DELETE", `/api/recordings/${id}`).catch(() => {});
  }

  /** Send what there is to send, until nothing is left or nothing more can be done now. */
  pump() {
    this.again = true;
    this.pumping ??= this.#work().finally(() => (this.pumping = null));
    return this.pumping;
  }

  async #work() {
    let pause = 1000;
    while (this.again) {
      this.again = false;
      for (const recording of await this.store.list()) {
        if (recording.problem) continue;
        try {
          await this.#deliver(recording.id);
          this.offline = "";
          pause = 1000;
        } catch (error) {
          if (error instanceof Refused) {
            await this.#change(recording.id, async (r) => {
              r.problem = error.message;
            });
          } else {
            this.offline = error instanceof Waits ? error.message : NO_CONNECTION;
            this.again = true;
          }
        }
        this.onChange();
      }
      if (this.offline && this.again) {
        await this.wait(pause);
        pause = Math.min(2 * pause, 15000);
      }
    }
  }

  async #deliver(id) {
    const at = `/api/recordings/${id}`;
    let recording = await this.#get(id);
    if (!recording) return;
    if (!recording.begun) {
      await this.#send("PUT", at, recording.about);
      await this.#change(id, async (r) => {
        r.begun = true;
      });
    }
    while ((recording = await this.#get(id)) && recording.sent < recording.chunks) {
      const n = recording.sent;
      const samples = await this.store.getChunk(id, n);
      const kept = await this.#send("PUT", `${at}/chunks/${n}`, { samples }, [404]);
      if (kept.error) {
        // The computer gave up a recording of which nothing came for a while: begin it again.
        await this.#change(id, async (r) => {
          Object.assign(r, { begun: false, sent: 0 });
        });
        this.again = true;
        return;
      }
      await this.#change(id, async (r) => {
        r.sent = Math.max(r.sent, n + 1);
      });
      this.onChange();
    }
    if (!recording?.closed) return;
    if (!recording.chunks) return this.discard(id);
    const answer = await this.#send("PUT", `${at}/finish`, { chunks: recording.chunks }, [409]);
    if (answer.missing) {
      // The computer lost some: send again from the first of them.
      const back = answer.missing[0];
      await this.#change(id, async (r) => {
        r.sent = back;
      });
      this.again = true;
    } else if (answer.error) throw new Refused(answer.error);
    else {
      await this.#serially(() => this.store.remove(id));
      this.landed?.(answer);
    }
  }

  async #send(method, path, body, accept = []) {
    const response = await this.fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await response.json();
    if (response.ok || accept.includes(response.status)) return answer;
    // Things that pass: an old key, a full inbox, a server that is restarting.
    const passing = [401, 408, 429, 500, 502, 503, 504, 507];
    const text = answer.error ?? `${response.status}`;
    throw passing.includes(response.status) ? new Waits(text) : new Refused(text);
  }

  async #get(id) {
    return (await this.store.list()).find((r) => r.id === id);
  }

  #change(id, act) {
    return this.#serially(async () => {
      const recording = await this.#get(id);
      if (!recording) return;
      await act(recording);
      await this.store.put(recording);
    }).then(() => {
      this.onChange();
      if (!this.pumping) this.pump();
      else this.again = true;
    });
  }

  /** Reading, changing and writing back must not interleave. */
  #serially(act) {
    const result = this.queues.then(act);
    this.queues = result.catch(() => {});
    return result;
  }
}

function later(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    globalThis.addEventListener?.("online", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
