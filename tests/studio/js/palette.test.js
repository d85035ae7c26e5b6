import { canvas } from './browser.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { asColour, colorOf, paint } from '../../../src/spatialgan/studio/static/js/palette.js';

test('a map goes from black to pale yellow', () => {
  const made = canvas();
  paint(made, { width: 2, height: 1, channels: 1, values: Uint8Array.of(0, 255) });
  assert.deepEqual([made.width, made.height], [2, 1]);
  assert.deepEqual(made.painted, [0, 0, 4, 255, 252, 255, 164, 255]);
});

test('a picture keeps its colours, and a grey one is grey', () => {
  const made = canvas();
  paint(made, { width: 1, height: 1, channels: 3, values: Uint8Array.of(1, 2, 3) });
  assert.deepEqual(made.painted, [1, 2, 3, 255]);
  const grey = { width: 2, height: 1, channels: 1, values: Uint8Array.of(7, 9) };
  assert.deepEqual(asColour(grey), { width: 2, height: 1, channels: 3, values: Uint8Array.of(7, 7, 7, 9, 9, 9) });
  assert.equal(asColour(asColour(grey)).values.length, 6);
});

test('each level and each object has a colour, and they come round again', () => {
  assert.equal(colorOf({ level: 1, point: 0 }), colorOf({ object: 1 }));
  assert.equal(new Set([0, 1, 2, 3, 4, 5].map(object => colorOf({ object }))).size, 6);
  assert.equal(colorOf({ object: 6 }), colorOf({ object: 0 }));
});
