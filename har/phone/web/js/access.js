// The key in the address that `har serve` shows: kept here, taken out of the address bar, and sent
// with every request for recordings. Also: what the page remembers, where a browser lets it.

const KEPT = "har.key";

export function takeKey({ location, history, storage }) {
  const found = /[#&]key=([\w-]+)/.exec(location.hash);
  if (!found) return;
  storage.setItem(KEPT, found[1]);
  history.replaceState(null, "", location.pathname);
}

/** localStorage, or forgetfulness where the browser forbids it. */
export const memory = {
  getItem(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  setItem(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // Private browsing: only until the page is closed, that is, not at all.
    }
  },
};

/** `fetch` for /api/, with the key. */
export function ask(path, options = {}) {
  const key = memory.getItem(KEPT);
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  return fetch(path, { ...options, headers });
}
