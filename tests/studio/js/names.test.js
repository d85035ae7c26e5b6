import assert from 'node:assert/strict';
import test from 'node:test';
import { inWords, levelName, nameOf } from '../../../src/spatialgan/studio/static/js/names.js';

test('levels have names as long as there are words for them', () => {
  assert.deepEqual([0, 1, 2, 3].map(levelName), ['Whole', 'Parts', 'Details', 'Level 3']);
});

test('a handle is named by its object, its level, or its point', () => {
  assert.equal(nameOf({ object: 0 }), 'Object 0');
  assert.equal(nameOf({ level: 1, point: null }), 'Parts');
  assert.equal(nameOf({ level: 2, point: 0 }), 'Detail 2.0');
  assert.equal(nameOf({ level: 3, point: 1 }), 'Level 3.1');
});

test("the server's labels are said in the page's words", () => {
  assert.equal(inWords('Move level 1.0'), 'Move part 1.0');
  assert.equal(inWords('Move level 0'), 'Move the whole');
  assert.equal(inWords('Truncation'), 'Variety');
  assert.equal(inWords('Remove object 2'), 'Remove object 2');
});
