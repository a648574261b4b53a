// The two pictures: the last seconds of acceleration, and activities over time.

const PALETTE = {
  light: ["#0b6e63", "#d97706", "#2563eb", "#be185d", "#65a30d", "#7c3aed", "#0891b2", "#b91c1c",
    "#a16207", "#4338ca", "#15803d", "#c026d3"],
  dark: ["#5fd0bf", "#fbbf24", "#7fb0ff", "#f472b6", "#a3e635", "#b79bff", "#4cd4ee", "#fb7185",
    "#e0c060", "#8e97ff", "#4ade80", "#e879f9"],
}; // prettier-ignore

const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function colourOf(index) {
  if (index < 0) return css("--unknown");
  const palette = PALETTE[dark() ? "dark" : "light"];
  return palette[index % palette.length];
}

function prepare(canvas) {
  const scale = Math.min(globalThis.devicePixelRatio || 1, 3);
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** x, y and z over the last `spanS` seconds; samples are [t, x, y, z] in order of time. */
export function drawTrace(canvas, samples, spanS = 8) {
  const { context: c, width, height } = prepare(canvas);
  if (!width) return;
  const left = 26;
  const end = samples.length ? samples.at(-1)[0] : 0;
  let first = samples.length;
  let most = 12;
  while (first > 0 && samples[first - 1][0] >= end - spanS) {
    first -= 1;
    most = Math.max(most, ...samples[first].slice(1).map(Math.abs));
  }
  const step = most > 60 ? 50 : most > 25 ? 20 : 10;
  most *= 1.06;
  const yOf = (v) => height / 2 - (v / most) * (height / 2 - 4);
  c.font = "11px system-ui, sans-serif";
  c.textBaseline = "middle";
  for (let v = -Math.floor(most / step) * step; v <= most; v += step) {
    c.strokeStyle = css("--line");
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(left, Math.round(yOf(v)) + 0.5);
    c.lineTo(width, Math.round(yOf(v)) + 0.5);
    c.stroke();
    c.fillStyle = css("--soft");
    c.textAlign = "right";
    c.fillText(`${v}`.replace("-", "−"), left - 6, yOf(v));
  }
  for (const [axis, name] of [[1, "--x"], [2, "--y"], [3, "--z"]]) {
    c.strokeStyle = css(name);
    c.lineWidth = 1.75;
    c.lineJoin = "round";
    c.beginPath();
    for (let i = first; i < samples.length; i++) {
      const x = width - ((end - samples[i][0]) / spanS) * (width - left);
      const gap = i > first && samples[i][0] - samples[i - 1][0] > 0.3;
      if (i === first || gap) c.moveTo(x, yOf(samples[i][axis]));
      else c.lineTo(x, yOf(samples[i][axis]));
    }
    c.stroke();
  }
}

/** Bouts { startS, endS, index } as one strip from `fromS` to `toS`. */
export function drawTimeline(canvas, bouts, fromS, toS) {
  const { context: c, width, height } = prepare(canvas);
  if (!width) return;
  const top = 2;
  const bar = height - 4;
  c.fillStyle = css("--line");
  c.beginPath();
  c.roundRect(0, top, width, bar, 8);
  c.fill();
  c.save();
  c.clip();
  const xOf = (t) => ((t - fromS) / (toS - fromS)) * width;
  for (const b of bouts) {
    if (b.endS <= fromS || b.startS >= toS) continue;
    c.fillStyle = colourOf(b.index);
    c.fillRect(xOf(b.startS), top, Math.max(1, xOf(b.endS) - xOf(b.startS) - 0.5), bar);
  }
  c.restore();
}
