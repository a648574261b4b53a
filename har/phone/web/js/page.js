// Small things that every tab uses.

const $ = (id) => document.getElementById(id);

/** Keeps the screen on: a phone that sleeps gives no motion. It is lost whenever the page hides. */
export const wakeLock = {
  async take() {
    this.wanted = true;
    this.lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (!this.wanted) this.release();
  },
  release() {
    this.wanted = false;
    this.lock?.release();
    this.lock = null;
  },
};

document.addEventListener("visibilitychange", () => {
  if (wakeLock.wanted && document.visibilityState === "visible") wakeLock.take();
});

export function notice(text, { id = "notice", good = false } = {}) {
  $(id).hidden = !text;
  $(id).classList.toggle("good", good);
  $(id).textContent = text ?? "";
}

export function clock(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(s / 60) % 60;
  const rest = `${minutes}:${String(s % 60).padStart(2, "0")}`;
  return s < 3600 ? rest : `${Math.floor(s / 3600)}:${rest.padStart(5, "0")}`;
}

export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${(seconds / 60).toFixed(1)} min`;
}

export function element(tag, className = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  return made;
}

export function item(text, className) {
  const li = element("li", className);
  li.textContent = text;
  return li;
}

/** A file of the page's own making, to the phone's downloads. */
export function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
