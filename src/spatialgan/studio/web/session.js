// A picture with its history; as spatialgan/studio/session.py.

import { apply, titleOf } from './edits.js';
import { heatmap } from './layouts.js';
import { handlesOf, sample, sceneBetween } from './scenes.js';

const HEATMAP_PX = 32;

/** What draws.
 * @typedef {{ picture: (scene: Scene) => Promise<Plane>, ws: import('./edits.js').WsOf }} Artist */

/** A step of the history.
 * @typedef {{ id: number, label: string, is_start: boolean, scene: Scene }} Step */

export class Session {
  /** @type {Step[]} */
  history = [];
  position = -1;
  revision = 0; // counts whatever replaces the current scene
  #ids = 0;

  /** @param {Artist} artist
   * @param {Record<string, string>} labels of edits */
  constructor(artist, labels) {
    this.artist = artist;
    this.labels = labels;
  }

  get scene() {
    return this.#at(this.position).scene;
  }

  get startPosition() {
    return this.history.findLastIndex((step, i) => step.is_start && i <= this.position);
  }

  /** @param {number} position */
  #at(position) {
    const step = this.history[position];
    if (!step) throw new Error(this.history.length ? `the history has no entry ${position}` : 'there is no picture yet');
    return step;
  }

  /** @type {(id: number) => Step} */
  entry(id) {
    return this.#at(this.history.findIndex(step => step.id === id));
  }

  // What a change makes of the current scene; nothing else happens.
  /** @type {(change: Change) => Promise<Scene>} */
  async after({ edits = [], truncation, between, at = 0 }) {
    const { ws } = this.artist;
    let scene = between ? await sceneBetween(this.entry(between[0]).scene, this.entry(between[1]).scene, at, ws) : this.scene;
    for (const edit of edits) scene = await apply(scene, edit, ws);
    return truncation === undefined ? scene : { ...scene, truncation };
  }

  /** @type {(change: Change, revision?: number) => Promise<void>} */
  async edit(change, revision = this.revision) {
    if (revision !== this.revision) throw new Error('the picture has changed since; try again');
    const { edits = [], between } = change;
    const last = edits.at(-1), label = last ? titleOf(this.labels, last) : between ? 'Blend' : 'Truncation';
    await this.append(await this.after(change), label);
  }

  /** @type {(model: Model, seed: number, options?: { layout_seed?: number | null, truncation?: number }) => Promise<void>} */
  async start(model, seed, { layout_seed = null, truncation = 1 } = {}) {
    await this.append({ ...sample(model, seed, layout_seed), truncation }, `Seed ${seed}`, true);
  }

  /** @type {(scene: Scene, label: string, isStart?: boolean) => Promise<void>} */
  async append(scene, label, isStart = false) {
    await this.artist.picture(scene); // what cannot be drawn does not enter
    this.history.splice(this.position + 1);
    this.history.push({ id: this.#ids++, label, is_start: isStart || !this.history.length, scene });
    this.position += 1;
    this.revision += 1;
  }

  /** @type {(position: number) => void} */
  go(position) {
    this.#at(position);
    if (position !== this.position) this.revision += 1;
    this.position = position;
  }

  undo() {
    this.go(Math.max(0, this.position - 1));
  }

  redo() {
    this.go(Math.min(this.history.length - 1, this.position + 1));
  }

  // As the page shows it.
  /** @returns {PictureState} */
  state() {
    const { seed, layout_seed, truncation, model } = this.scene, models = [...new Set(this.history.map(step => step.scene.model))];
    return {
      revision: this.revision, model: model.info, seed, layout_seed, truncation, handles: handlesOf(this.scene),
      history: this.history.map(({ id, label, is_start, scene: { model: m } }) => (
        { id, label, is_start, model: m.info.name, group: models.indexOf(m) })),
      position: this.position, start_position: this.startPosition, dragging: false,
    };
  }
}

// The pictures of a frame: the scene's, and its heatmaps.
/** @type {(artist: Artist, scene: Scene) => Promise<Record<string, Plane>>} */
export async function planesOf(artist, scene) {
  /** @type {Record<string, Plane>} */
  const planes = { picture: await artist.picture(scene) };
  const { layout, model } = scene;
  layout?.levels.forEach((_, i) => { planes[`heatmap/${i}`] = heatmap(layout, i, model.config.layout === 'multi', HEATMAP_PX); });
  return planes;
}
