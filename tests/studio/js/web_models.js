// A model as an exported page knows it, and an artist that draws grey planes.

/** @type {any} */
const base = {
  weights_sha256: 'abc', handles: [],
  graphs: { mapping: { url: 'mapping', inputs: ['z', 'truncation'] }, synthesis: { url: 'synthesis', inputs: ['ws', 'centers_xy', 'stds', 'angles'] } },
};
const config = { z_dim: 4, w_dim: 2, num_styles: 1, image_channels: 3, encoding: 'norm', layout: 'single', sampling: 'hierarchical',
  center_std: 0.2, num_objects: 3, object_std_min: 0.1, object_std_max: 0.2, object_spacing: 1 };
const info = { name: 'one', kind: 'single', resolution: 2, num_layers: 3, editable: true, object_styles: false, attention: false };

export const single = { ...base, config, info };
export const multi = { ...base, config: { ...config, encoding: 'multi', layout: 'multi', num_styles: 4 },
  info: { ...info, name: 'many', kind: 'multi', object_styles: true }, weights_sha256: 'def' };

// w of layer i is z's first number, plus i.
export const wsOf = async ({ model, truncation }, z) => Float32Array.from(
  { length: 3 * model.config.num_styles * 2 }, (_, i) => truncation * z[0] + Math.floor(i / (2 * model.config.num_styles)));

export const artist = {
  drawn: [],
  async picture(scene) {
    this.drawn.push(scene);
    if (scene.truncation < 0) throw new Error('it cannot be drawn');
    return { width: 1, height: 1, channels: 1, values: Uint8Array.of(9) };
  },
  ws: (scene, z = scene.z) => wsOf(scene, z),
};
