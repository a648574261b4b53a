// The very .tflite file of the bundle, run by LiteRT.js on WebAssembly.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

/** `run(rows)` promises {probabilities, features} of a window; features are null in old bundles. */
export async function loadModel(url, shape) {
  await loadLiteRt("/vendor/litert/wasm/");
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const compiled = await loadAndCompile(new Uint8Array(await response.arrayBuffer()), {
    accelerator: "wasm",
  });
  // One window at a time: a run that overtook another would get its tensors mixed up.
  let queue = Promise.resolve();
  return (rows) => {
    const result = queue.then(() => runOnce(compiled, rows, shape));
    queue = result.catch(() => {});
    return result;
  };
}

async function runOnce(compiled, rows, shape) {
  const input = new Tensor(rows, shape);
  try {
    const outputs = Object.entries(await compiled.run({ acceleration: input }));
    const answer = Object.fromEntries(
      outputs.map(([name, tensor]) => [name, Float32Array.from(tensor.toTypedArray())]),
    );
    for (const [, tensor] of outputs) tensor.delete();
    // A file made before features were given has one output, of another name.
    return outputs.length > 1 ? answer : { probabilities: answer[outputs[0][0]], features: null };
  } finally {
    input.delete();
  }
}
