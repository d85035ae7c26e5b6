// Applies records as an exported page does: the cases on stdin => on stdout what comes of each. For test_web_edits.py.

import { readFileSync } from 'node:fs';
import { apply, titleOf } from '../../../src/spatialgan/studio/web/edits.js';
import { handlesOf, sceneFromJson, sceneToJson } from '../../../src/spatialgan/studio/web/scenes.js';

const { studio, hashes, cases } = JSON.parse(readFileSync(0, 'utf8'));
const models = studio.models.map(info => ({ ...studio.sources[info.name], info, weights_sha256: hashes[info.name] }));
const near = (a, b) => a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) < 1e-4);

const found = [];
for (const { before, edits, ws } of cases) {
  // The graphs' part: w, as Python has it, of the styles that are asked for, which must be Python's too.
  const wsOf = async (scene, z = scene.z) => Float32Array.from(ws.find(known => near(known.z, z)).w);
  try {
    let scene = sceneFromJson(models, before);
    for (const edit of edits) scene = await apply(scene, edit, wsOf);
    found.push({ scene: sceneToJson(scene), handles: handlesOf(scene), title: titleOf(studio.labels, edits.at(-1)) });
  } catch (error) {
    if (error.constructor !== Error) throw error; // a fault, and no sentence for people
    found.push({ error: error.message });
  }
}
console.log(JSON.stringify(found));
