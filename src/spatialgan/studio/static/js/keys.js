// Keys that work anywhere on the page, and the dialogs' own buttons.

import { anotherPicture, stepBack, stepForward } from './controls.js';
import { settle } from './pending.js';
import { busy, interrupt } from './pointer.js';
import { select, store } from './store.js';
import { removeSelected, restyleSelected } from './selection.js';

const click = (/** @type {string} */ selector) => () => document.querySelector(selector).click();
/** @type {Record<string, (event: KeyboardEvent) => unknown>} */
const KEYS = {
  Delete: () => store.mode === 'arrange' && removeSelected(),
  Backspace: () => store.mode === 'arrange' && removeSelected(),
  Escape: () => select(null),
  r: restyleSelected, n: anotherPicture, c: click('#compare'), h: click('#show-handles'), p: click('#smooth'),
  d: () => click(`[name=mode][value=${store.mode === 'drag' ? 'arrange' : 'drag'}]`)(), '?': click('#help'),
  z: ({ shiftKey }) => click(shiftKey ? '#zoom-out' : '#zoom-in')(), 0: click('#zoom-fit'),
};

document.addEventListener('keydown', event => {
  const undoes = (event.ctrlKey || event.metaKey) && /^[zy]$/i.test(event.key);
  // In a list of choices letters choose, but there is no text in which anything could be taken back.
  const typing = event.target instanceof Element && event.target.matches(`input:not([type=range], [type=radio]), textarea${undoes ? '' : ', select'}`);
  if (typing || document.querySelector('dialog[open]') || !store.state || event.defaultPrevented) return;
  if (event.key === 'Escape' && document.querySelector(':popover-open')) return; // which closes it
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (undoes) {
    event.preventDefault();
    settle();
    if (busy()) interrupt(); // a stroke, a handle: what is being done is taken back first
    else if (key === 'y' || event.shiftKey) stepForward();
    else stepBack();
  } else if (KEYS[key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    settle();
    KEYS[key](event);
  }
});

document.querySelector('#help').onclick = () => document.querySelector('#keys').showModal();
for (const dialog of document.querySelectorAll('dialog')) {
  for (const button of dialog.querySelectorAll('.close')) button.onclick = () => dialog.close();
  dialog.onclick = (/** @type {MouseEvent} */ event) => event.target === dialog && dialog.close(); // beside it
}
