import { artist, multi, single } from './web_models.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { Session, planesOf } from '../../../src/spatialgan/studio/web/session.js';

const move = { edits: [{ edit: 'move', object: 0, dx: 0.1, dy: 0 }] };
const begun = async () => {
  const session = new Session(artist, { move: 'Move' });
  await session.start(multi, 3);
  return session;
};
const labels = session => session.state().history.map(step => step.label);

test('every step is an entry, to go back and forth', async () => {
  const session = await begun();
  await session.edit(move);
  await session.edit({ truncation: 0.5 });
  assert.deepEqual(labels(session), ['Seed 3', 'Move object 0', 'Truncation']);
  session.undo();
  session.undo();
  session.undo();
  assert.deepEqual([session.position, session.state().seed], [0, 3]);
  session.redo();
  await session.edit(move);
  assert.deepEqual(labels(session), ['Seed 3', 'Move object 0', 'Move object 0']); // the way forward has ended
  assert.throws(() => session.go(7), /no entry 7/);
});

test('a new picture begins its own comparison', async () => {
  const session = await begun();
  await session.edit(move);
  await session.start(single, 4, { truncation: 0.7 });
  const state = session.state();
  assert.deepEqual([state.start_position, state.model.name, state.truncation, state.position], [2, 'one', 0.7, 2]);
  session.undo();
  assert.equal(session.startPosition, 0);
});

test('a change of a picture that is gone is refused, and one that cannot be drawn leaves no entry', async () => {
  const session = await begun(), { revision } = session;
  await session.edit(move, revision);
  await assert.rejects(session.edit(move, revision), /has changed since/);
  await assert.rejects(session.edit({ truncation: -1 }), /cannot be drawn/);
  assert.equal(session.history.length, 2);
});

test('entries of one model can be blended', async () => {
  const session = await begun();
  await session.start(single, 4);
  await session.start(multi, 5);
  assert.deepEqual(session.state().history.map(step => step.group), [0, 1, 0]);
});

test('between two entries', async () => {
  const session = await begun();
  await session.start(multi, 4);
  const [a, b] = session.history.map(step => step.id);
  await session.edit({ between: [a, b], at: 0.5 });
  assert.equal(labels(session).at(-1), 'Blend');
  await assert.rejects(session.edit({ between: [a, 99], at: 0.5 }), /no entry/);
});

test('a frame has the picture, and the heatmap of each level', async () => {
  const session = await begun();
  assert.deepEqual(Object.keys(await planesOf(artist, session.scene)), ['picture', 'heatmap/0']);
  await session.start(single, 4);
  assert.deepEqual(Object.keys(await planesOf(artist, session.scene)), ['picture', 'heatmap/0', 'heatmap/1', 'heatmap/2']);
});
