// Against published values; tests/studio/test_web_seeds.py compares with PyTorch.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { digest, erf, erfinv, normals, streamOf, twister, uniforms } from '../../../src/spatialgan/studio/web/random.js';

test('the digest is that of SHA-256', () => {
  for (const text of ['', 'style 8', 'object style 2147483647', 'x'.repeat(55)]) {
    assert.equal(digest(text), createHash('sha256').update(text).digest().readUInt32LE(0));
  }
});

test("the twister's ten thousandth number is the one that the C++ standard names", () => {
  const next = twister(5489);
  for (let i = 1; i < 10_000; i++) next();
  assert.equal(next(), 4123659995);
});

test('a stream is its own for each seed and purpose, and always the same', () => {
  const first = (seed, purpose) => streamOf(seed, purpose)();
  assert.equal(first(3, 'style'), first(3, 'style'));
  assert.equal(new Set([first(3, 'style'), first(3, 'layout'), first(4, 'style')]).size, 3);
});

test('numbers are spread as they should be, however many are drawn', () => {
  const mean = values => values.reduce((a, b) => a + b, 0) / values.length;
  const even = uniforms(twister(1), 20_000);
  assert.ok(Math.min(...even) >= 0 && Math.max(...even) < 1 && Math.abs(mean(even) - 0.5) < 0.01);
  for (const count of [15, 16, 37]) {
    const next = twister(2), all = Array.from({ length: 1000 }, () => [...normals(next, count)]).flat();
    assert.equal(all.length, 1000 * count);
    assert.ok(Math.abs(mean(all)) < 0.03 && Math.abs(mean(all.map(x => x * x)) - 1) < 0.03);
  }
});

test('the error function and its inverse', () => {
  assert.ok(Math.abs(erf(0.5) - 0.5204998778130465) < 1e-14 && Math.abs(erf(-2.5) + 0.999593047982555) < 1e-14);
  for (const x of [-2.9, -0.3, 0, 1e-6, 1.7, 3.4]) assert.ok(Math.abs(erfinv(erf(x)) - x) < 1e-9);
  assert.equal(erf(30), 1);
  assert.deepEqual([erfinv(1), erfinv(-1)], [Infinity, -Infinity]);
});
