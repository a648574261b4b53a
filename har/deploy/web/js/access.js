// The key in the address that `har serve` shows: kept here, taken out of the address bar, and sent
// with every request for recordings.

const KEPT = "har.key";

export function takeKey({ location, history, storage }) {
  const found = /[#&]key=([\w-]+)/.exec(location.hash);
  if (!found) return;
  storage.setItem(KEPT, found[1]);
  history.replaceState(null, "", location.pathname);
}

/** `fetch` for /api/, with the key. */
export function ask(path, options = {}) {
  const key = localStorage.getItem(KEPT);
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  return fetch(path, { ...options, headers });
}
