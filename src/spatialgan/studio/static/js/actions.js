// Buttons for the whole picture, as the server describes them: an edit each, of all objects where it asks for them.

import { edit } from './changes.js';
import { on, store } from './store.js';

const box = document.querySelector('#actions');

const objects = () => store.handles.filter(h => !h.gone && 'object' in h.place).map(h => h.place.object);

export function offerActions() {
  box.replaceChildren(...store.info.actions.map(action => {
    const button = document.createElement('button');
    button.textContent = action.label;
    button.title = action.tip;
    button.onclick = () => edit({ ...action.edit, ...action.objects ? { objects: objects() } : {} });
    return button;
  }));
}

on('state', () => {
  const several = objects().length > 1;
  [...box.children].forEach((button, i) => { button.hidden = store.info.actions[i].objects && !several; });
});
