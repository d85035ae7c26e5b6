import { multi, single } from './web_models.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { Artist, toPlane } from '../../../src/spatialgan/studio/web/artist.js';
import { sample } from '../../../src/spatialgan/studio/web/scenes.js';

function made() {
  const asked = [], worker = {
    onmessage: null, onerror: null,
    postMessage(job) {
      asked.push(job);
      const data = job.graph === 'mapping' ? Float32Array.from({ length: 24 }, (_, i) => i) : new Float32Array(12).fill(1);
      queueMicrotask(() => worker.onmessage({ data: job.graph === 'broken' ? { id: job.id, error: 'no such graph' } : { id: job.id, data } }));
    },
  };
  return { artist: new Artist(worker), asked, worker };
}

test('a graph is given what it takes, in its shape', async () => {
  const { artist, asked } = made(), plane = await artist.picture(sample(multi, 1));
  assert.deepEqual(asked.map(job => Object.entries(job.inputs).map(([name, [values, shape]]) => [name, values.length, shape])), [
    [['z', 16, [1, 4, 4]], ['truncation', 1, [1]]],
    [['ws', 24, [1, 3, 4, 2]], ['centers_xy', 6, [1, 3, 2]], ['stds', 6, [1, 3, 2]], ['angles', 3, [1, 3]]],
  ]);
  assert.deepEqual([plane.width, plane.channels, plane.values.length, plane.values[0]], [2, 3, 12, 255]);
});

test('a move asks for no other w, and a picture is not drawn twice', async () => {
  const { artist, asked } = made(), scene = sample(single, 1);
  await artist.picture(scene);
  await artist.picture(scene);
  await artist.picture({ ...scene });
  assert.deepEqual(asked.map(job => job.graph), ['mapping', 'synthesis', 'synthesis']);
  await artist.picture({ ...scene, truncation: 0.5 });
  assert.deepEqual(asked.slice(3).map(job => job.graph), ['mapping', 'synthesis']);
});

test('an offset is added to w', async () => {
  const { artist, asked } = made();
  await artist.picture({ ...sample(multi, 1), w_offset: new Float32Array(24).fill(0.5) });
  assert.deepEqual([...asked[1].inputs.ws[0].slice(0, 3)], [0.5, 1.5, 2.5]);
});

test('what fails is told to whoever asked', async () => {
  const { artist, worker } = made(), broken = { ...single, graphs: { ...single.graphs, synthesis: { url: 'broken', inputs: [] } } };
  await assert.rejects(artist.picture(sample(broken, 1)), /no such graph/);
  worker.postMessage = () => queueMicrotask(() => worker.onerror());
  await assert.rejects(artist.picture(sample(single, 2)), /could not be loaded/);
});

test('values outside -1..1 are clipped, channels lie side by side', () => {
  const plane = toPlane(Float32Array.of(-3, -1, 0, 1, 1, 1, 1, 1, -1, -1, -1, 2), 2, 3);
  assert.deepEqual([...plane.values], [0, 255, 0, 0, 255, 0, 128, 255, 0, 255, 255, 255]);
});
