// A recording in a CSV file: time in seconds, x, y, z in m/s² (Android's sign, gravity included).

const TIME = ["seconds_elapsed", "time_s", "time", "t", "elapsed", "seconds"];

const bare = (name) =>
  name
    .replace(/^\ufeff/, "")
    .replaceAll('"', "")
    .replace(/\(.*\)/, "")
    .replace(/acceleration/i, "")
    .trim()
    .toLowerCase();

/** Rows of [t, x, y, z], times from 0; throws an Error that says what is wrong with the file. */
export function parseCsv(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  if (lines.length < 5) throw new Error("The file has fewer than five lines.");
  const separator = [",", ";", "\t"].find((s) => lines[0].includes(s)) ?? ",";
  const header = lines[0].split(separator).map(bare);
  const timeName = TIME.find((name) => header.includes(name));
  const columns = [timeName, "x", "y", "z"].map((name) => header.indexOf(name));
  if (columns.includes(-1)) {
    throw new Error(`The first line must name time, x, y and z; it has ${header.join(", ")}.`);
  }
  const decimalComma = separator !== "," && /\d,\d/.test(lines[1]);
  const rows = [];
  let skipped = 0;
  for (const line of lines.slice(1)) {
    const cells = line.split(separator);
    const row = columns.map((c) => {
      const cell = (cells[c] ?? "").trim().replaceAll('"', "");
      return cell === "" ? NaN : Number(decimalComma ? cell.replace(",", ".") : cell);
    });
    if (row.every(Number.isFinite) && (!rows.length || row[0] > rows.at(-1)[0])) rows.push(row);
    else skipped += 1;
  }
  if (rows.length < 4) throw new Error("Fewer than four rows have four numbers and a later time.");
  const scale = timeScale((rows.at(-1)[0] - rows[0][0]) / (rows.length - 1));
  const origin = rows[0][0];
  for (const row of rows) row[0] = (row[0] - origin) * scale;
  const size = median(rows.slice(0, 2000).map((r) => Math.hypot(r[1], r[2], r[3])));
  if (size > 0.7 && size < 1.4) {
    throw new Error("The values look like g; this page takes m/s² (1 g = 9.80665 m/s²).");
  }
  return { rows, skipped };
}

/** Seconds in a unit of time, told by how far samples are apart: s, ms, µs or ns. */
function timeScale(step) {
  if (step < 1) return 1;
  if (step < 1e3) return 1e-3;
  return step < 1e6 ? 1e-6 : 1e-9;
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}
