// Draws scenes: the two ONNX graphs of docs/onnx.md, run by a worker, so that the page stays awake meanwhile.

import { centersOf } from './layouts.js';

const RECENT = 12; // pictures that are kept, since undo and comparing ask for them again

export class Artist {
  /** @type {Map<number, { resolve: (data: Float32Array) => void, reject: (error: Error) => void }>} */
  #asked = new Map();
  #serial = 0;
  /** @type {Map<Scene, Promise<Plane>>} */
  #pictures = new Map();
  /** @type {WeakMap<Float32Array, { scene: Scene, ws: Promise<Float32Array> }>} */
  #ws = new WeakMap(); // by z

  /** @param {Pick<Worker, 'postMessage' | 'onmessage' | 'onerror'>} worker worker.js */
  constructor(worker) {
    this.worker = worker;
    worker.onmessage = ({ data: { id, data, error } }) => {
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (error) asked?.reject(new Error(error));
      else asked?.resolve(data);
    };
    worker.onerror = () => {
      for (const { reject } of this.#asked.values()) reject(new Error('the part of this page that draws could not be loaded'));
      this.#asked.clear();
    };
  }

  /** @type {(graph: Graph, inputs: Inputs) => Promise<Float32Array>} */
  #run(graph, inputs) {
    const id = this.#serial++;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.worker.postMessage({ id, graph: graph.url, inputs });
    });
  }

  /** @type {import('./edits.js').WsOf} */
  ws = (scene, z = scene.z) => {
    const { config, graphs } = scene.model, known = this.#ws.get(z);
    const same = known?.scene.truncation === scene.truncation && known.scene.model === scene.model;
    if (known && same && (config.encoding !== 'flatten' || known.scene.layout === scene.layout)) return known.ws;
    const ws = this.#run(graphs.mapping, fed(graphs.mapping.inputs, {
      z: [z, [1, config.num_styles, config.z_dim]], truncation: [Float32Array.of(scene.truncation), [1]], ...places(scene),
    }));
    this.#ws.set(z, { scene, ws });
    return ws;
  };

  /** @type {(scene: Scene) => Promise<Plane>} */
  picture = scene => {
    const picture = this.#pictures.get(scene) ?? this.#draw(scene);
    this.#pictures.delete(scene);
    this.#pictures.set(scene, picture); // the latest is the last
    if (this.#pictures.size > RECENT) this.#pictures.delete([...this.#pictures.keys()][0]);
    return picture;
  };

  /** @type {(scene: Scene) => Promise<Plane>} */
  async #draw(scene) {
    const { config, graphs, info } = scene.model, own = await this.ws(scene);
    const ws = scene.w_offset ? own.map((w, i) => w + /** @type {Float32Array} */ (scene.w_offset)[i]) : own;
    const image = await this.#run(graphs.synthesis, fed(graphs.synthesis.inputs, {
      ws: [ws, [1, info.num_layers, config.num_styles, config.w_dim]], noise: [Float32Array.of(1), [1]], ...places(scene),
    }));
    return toPlane(image, info.resolution, config.image_channels);
  }
}

// Those of the inputs that a graph takes.
/** @type {(names: string[], inputs: Inputs) => Inputs} */
const fed = (names, inputs) => Object.fromEntries(names.map(name => [name, inputs[name]]));

/** @type {(scene: Scene) => Inputs} */
function places({ layout }) {
  if (!layout) return {};
  const centers = layout.levels.flatMap((_, level) => centersOf(layout, level)).flat(), k = centers.length / 2;
  /** @type {(f: (level: Level) => number[]) => number[]} */
  const all = f => layout.levels.flatMap(f);
  return { centers_xy: [Float32Array.from(centers), [1, k, 2]], stds: [Float32Array.from(all(l => l.stds.flat())), [1, k, 2]],
    angles: [Float32Array.from(all(l => l.angles)), [1, k]] };
}

// (C, R, R), -1..1 => bytes (R, R, C).
/** @type {(image: Float32Array, size: number, channels: number) => Plane} */
export function toPlane(image, size, channels) {
  const values = new Uint8ClampedArray(image.length), pixels = size * size;
  for (let i = 0; i < pixels; i++) for (let c = 0; c < channels; c++) values[i * channels + c] = 127.5 * (image[c * pixels + i] + 1);
  return { width: size, height: size, channels, values: new Uint8Array(values.buffer) };
}
