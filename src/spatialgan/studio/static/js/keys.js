// Keys that work anywhere on the page, and the dialogs' own buttons.

import { redo, undo } from './changes.js';
import { anotherPicture } from './controls.js';
import { finishNudge } from './handles.js';
import { select, store } from './store.js';
import { removeSelected, restyleSelected } from './selection.js';

const click = selector => () => document.querySelector(selector).click();
const KEYS = {
  Delete: () => store.mode === 'arrange' && removeSelected(),
  Backspace: () => store.mode === 'arrange' && removeSelected(),
  Escape: () => select(null),
  r: restyleSelected, n: anotherPicture, c: click('#compare'), h: click('#show-handles'), p: click('#smooth'),
  d: () => click(`[name=mode][value=${store.mode === 'drag' ? 'arrange' : 'drag'}]`)(), '?': click('#help'),
};

document.addEventListener('keydown', event => {
  const typing = event.target.matches('input:not([type=range], [type=radio]), textarea, select');
  if (typing || document.querySelector('dialog[open]') || !store.state || event.defaultPrevented) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if ((event.ctrlKey || event.metaKey) && ['z', 'y'].includes(key)) {
    event.preventDefault();
    finishNudge();
    if (key === 'y' || event.shiftKey) redo();
    else undo();
  } else if (KEYS[key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    finishNudge();
    KEYS[key]();
  }
});

document.querySelector('#help').onclick = () => document.querySelector('#keys').showModal();
for (const dialog of document.querySelectorAll('dialog')) {
  for (const button of dialog.querySelectorAll('.close')) button.onclick = () => dialog.close();
  dialog.onclick = event => event.target === dialog && dialog.close(); // beside it
}
