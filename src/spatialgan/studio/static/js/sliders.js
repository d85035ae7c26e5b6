// Sliders: what they say, their limits, and when a change is done: at once with the pointer, after a pause with keys.

import { later, settle } from './pending.js';

// `text(value)` for people; `moved()` while it is being changed, `done()` after that.
/** @param {HTMLInputElement & { parentElement: HTMLElement }} input
 * @param {(value: number) => string} text */
export function slider(input, text, { moved = () => {}, done = () => {} } = {}) {
  const output = input.parentElement.querySelector('output');
  /** @param {number | string} value */
  const say = value => { if (output) output.value = text(Number(value)); };
  const limits = document.createElement('span');
  limits.className = 'limits';
  limits.setAttribute('aria-hidden', 'true'); // the slider itself tells them
  limits.replaceChildren(...[input.min, input.max].map(end => {
    const mark = document.createElement('i');
    mark.textContent = text(Number(end));
    return mark;
  }));
  input.after(limits);

  let keys = false, held = false;
  input.addEventListener('keydown', () => { keys = true; });
  input.addEventListener('pointerdown', () => {
    settle();
    [keys, held] = [false, true];
  });
  for (const name of ['pointerup', 'pointercancel']) input.addEventListener(name, () => { held = false; });
  input.addEventListener('blur', settle);
  input.oninput = () => {
    say(input.value);
    moved();
  };
  input.onchange = () => {
    if (keys) later(input, done);
    else done();
  };
  say(input.value);
  return { say, isHeld: () => held };
}
