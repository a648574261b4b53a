// The phone's accelerometer as samples: seconds since the first, m/s², Android's sign.

/** iOS reports the sign opposite to Android's (and to the W3C specification's). */
export function isApple(nav = navigator) {
  return (
    /iPad|iPhone|iPod/.test(nav.userAgent) ||
    (nav.platform === "MacIntel" && (nav.maxTouchPoints ?? 0) > 1)
  );
}

/** [t in s, x, y, z] of an event, or null where the device has no such sensor. */
export function sampleOf(event, { negate, gravity = "present" }) {
  const a = gravity === "present" ? event.accelerationIncludingGravity : event.acceleration;
  if (!a || a.x === null || a.y === null || a.z === null) return null;
  const sign = negate ? -1 : 1;
  return [event.timeStamp / 1000, sign * a.x, sign * a.y, sign * a.z];
}

export class MotionError extends Error {}

/**
 * Samples of the sensor, shared by the classifier and the recorder.
 *
 * Events whose time does not rise are left out and counted: some browsers deliver one twice.
 */
export class Motion {
  constructor({ target = globalThis, negate = isApple(), gravity = "present" } = {}) {
    Object.assign(this, { target, negate, gravity });
    this.listeners = new Set();
    this.repeated = 0;
    this.handle = (event) => this.#receive(event);
  }

  /** Must be called from a tap: iOS asks for permission only then. */
  async start() {
    const Event = this.target.DeviceMotionEvent;
    if (!Event) throw new MotionError(noSensor(this.target));
    if (typeof Event.requestPermission === "function") {
      const answer = await Event.requestPermission().catch((e) => String(e));
      if (answer !== "granted") {
        throw new MotionError(
          "Motion access was not allowed. Close this tab, open the page again and choose Allow " +
            "(or Settings › Apps › Safari › Advanced › Website Data, and remove this site).",
        );
      }
    }
    this.origin = null;
    this.last = -Infinity;
    this.target.addEventListener("devicemotion", this.handle);
  }

  stop() {
    this.target.removeEventListener("devicemotion", this.handle);
  }

  #receive(event) {
    const sample = sampleOf(event, this);
    if (!sample) return;
    if (sample[0] <= this.last) {
      this.repeated += 1;
      return;
    }
    this.last = sample[0];
    this.origin ??= sample[0];
    sample[0] -= this.origin;
    for (const listener of this.listeners) listener(sample);
  }
}

function noSensor(target) {
  return target.isSecureContext === false
    ? "The browser gives motion only to secure pages: start the server with --https."
    : "This browser has no motion sensor.";
}
