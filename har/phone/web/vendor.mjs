// Copies what the page needs of its one dependency into vendor/, which `har serve` serves.
// Of LiteRT's four builds two are enough: with relaxed SIMD, and without for older browsers.
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const from = join(here, "node_modules", "@litertjs");
const to = join(here, "vendor");
const files = [
  ["core/dist/index.js", "litert/index.js"],
  ["core/package.json", "litert/package.json"],
  ["core/wasm/litert_wasm_internal.js", "litert/wasm/litert_wasm_internal.js"],
  ["core/wasm/litert_wasm_internal.wasm", "litert/wasm/litert_wasm_internal.wasm"],
  ["core/wasm/litert_wasm_compat_internal.js", "litert/wasm/litert_wasm_compat_internal.js"],
  ["core/wasm/litert_wasm_compat_internal.wasm", "litert/wasm/litert_wasm_compat_internal.wasm"],
  ["wasm-utils/dist/index.js", "litert/wasm-utils.js"],
];

if (!existsSync(from)) {
  console.error("node_modules is missing: run `npm ci` first, or `make web`, which does both.");
  process.exit(1);
}
rmSync(to, { recursive: true, force: true });
for (const [source, target] of files) {
  mkdirSync(dirname(join(to, target)), { recursive: true });
  cpSync(join(from, source), join(to, target));
}
console.log(`vendor/: ${files.length} files`);
