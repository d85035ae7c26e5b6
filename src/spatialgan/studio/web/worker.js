// Runs ONNX graphs one after the other: { id, graph: address, inputs: { name: [values, shape] } } => { id, data } or { id, error }.

/** @type {Map<string, Promise<any>>} */
const sessions = new Map();

/** @param {string} url */
async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${new URL(url).pathname} is missing on this server (${answer.status})`);
  return answer.arrayBuffer();
}

const there = (/** @type {string} */ name) => new URL(`../../ort/${name}`, import.meta.url).href;

async function begin() {
  const ort = await import(there('ort.js'));
  // Several threads would need headers that few hosts send.
  Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: { wasm: there('ort.wasm') } });
  return ort;
}

const runtime = begin(); // while the page learns what to draw
runtime.catch(() => {}); // each job says so

/** @param {{ graph: string, inputs: Inputs }} job */
async function run({ graph, inputs }) {
  const ort = await runtime;
  if (!sessions.has(graph)) sessions.set(graph, fetched(graph).then(bytes => ort.InferenceSession.create(new Uint8Array(bytes))));
  const session = await sessions.get(graph);
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, [values, shape]]) => [name, new ort.Tensor('float32', values, shape)]));
  return (await session.run(feeds))[session.outputNames[0]].data;
}

let queue = Promise.resolve();
onmessage = ({ data: { id, ...job } }) => {
  queue = queue.then(async () => {
    try {
      postMessage({ id, data: await run(job) });
    } catch (error) {
      postMessage({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
};
