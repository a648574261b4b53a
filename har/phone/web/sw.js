// Keeps the page, the runtime and the model, so that a reload needs no network.
// The server writes the version (a hash of everything served) and the list of files in here.
const VERSION = "__VERSION__";
const ASSETS = ["__ASSETS__"];
const CACHE = `har-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(ASSETS.map((a) => new Request(a, { cache: "no-cache" }))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((n) => n !== CACHE).map((n) => caches.delete(n))))
      .then(() => self.clients.claim()),
  );
});

// The page says which build of the runtime it loaded; answers once that is kept too.
self.addEventListener("message", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    for (const url of event.data.keep) {
      if (!(await cache.match(url))) await cache.add(url);
    }
    event.ports[0].postMessage("kept");
  };
  event.waitUntil(keep().catch((error) => event.ports[0].postMessage(String(error))));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const ours = url.origin === self.location.origin && event.request.method === "GET";
  if (!ours || url.pathname.startsWith("/api/") || url.pathname.endsWith(".crt")) return;
  event.respondWith(
    caches
      .open(CACHE)
      .then((cache) => cache.match(url.pathname))
      .then((kept) => kept ?? fetch(event.request)),
  );
});
