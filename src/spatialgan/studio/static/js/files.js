// Saving and opening.

import { alone, get, here, request } from './api.js';
import { act } from './changes.js';
import { complain, tell } from './notices.js';
import { openPhoto } from './photo.js';
import { on, store } from './store.js';

const $ = (/** @type {string} */ selector) => document.querySelector(selector);
const menu = $('#export-menu'), file = $('#file');
/** @type {HTMLElement | null} */
let drawing = null; // the notice of the animation that was asked for last

menu.addEventListener('beforetoggle', async (/** @type {ToggleEvent} */ { newState }) => {
  if (newState !== 'open') return;
  $('#save-large small').textContent = `PNG, ${largeScale() * store.state.model.resolution} pixels wide`;
  $('#command').textContent = '…';
  try {
    /** @type {{ command: string, scene_file: string | null }} */
    const { command, scene_file: needed } = await get(here('command'));
    $('#command').replaceChildren(...command.split(' ').flatMap((word, i) => i ? [' ', unbroken(word)] : [unbroken(word)]));
    $('#command-needs').hidden = !needed;
    $('#command-scene').textContent = needed ?? '';
    $('#copy').textContent = copyWords();
  } catch (error) {
    complain(error);
  }
});

// Lines break between words only, not after the dashes of an option.
/** @type {(text: string) => HTMLElement} */
const unbroken = text => Object.assign(document.createElement('span'), { textContent: text });

const largeScale = () => Math.max(1, Math.floor(1024 / store.state.model.resolution));

for (const button of menu.querySelectorAll('[data-save]')) {
  button.onclick = async () => {
    menu.hidePopover();
    const path = button.dataset.save.replace('scale=8', `scale=${largeScale()}`), slow = path.startsWith('animation');
    const notice = slow ? tell('Drawing the animation. It will be saved when it is ready', { seconds: Infinity }) : null;
    drawing = notice ?? drawing;
    await save(path);
    notice?.remove();
  };
}

on('animation', ({ share }) => {
  if (drawing) drawing.querySelector('p').textContent = `Drawing the animation: ${Math.round(100 * share)} %. It will be saved when it is ready.`;
});

// Whether it worked.
/** @param {string} path */
async function save(path) {
  try {
    const answer = await request('GET', here(path));
    const name = /filename="(.+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1] ?? 'picture';
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await answer.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

const copyWords = () => $('#command-needs').hidden ? 'Copy' : 'Save scene, copy';

$('#copy').onclick = async () => {
  const code = $('#command');
  if (!$('#command-needs').hidden && !await save('scene.json')) return; // without it the command is worth nothing
  try {
    await navigator.clipboard.writeText(code.textContent);
    $('#copy').textContent = 'Copied';
    setTimeout(() => { $('#copy').textContent = copyWords(); }, 1500);
  } catch { // without a secure connection there is no clipboard
    getSelection()?.selectAllChildren(code);
    tell('Press Ctrl+C to copy the command');
  }
};

/** @param {Blob} blob */
const openScene = blob => act(async () => (await request('PUT', here('scene.json'), blob)).json());
/** @type {(chosen?: File) => unknown} */
const openFile = chosen => {
  if (!chosen) return null;
  if (/\.json$/i.test(chosen.name)) return openScene(chosen);
  if (chosen.type.startsWith('image/')) return openPhoto(chosen);
  return complain(new Error(`${chosen.name} is neither a scene nor a photograph. The studio opens .scene.json files that it has saved, and pictures`));
};

if (alone) file.accept = '.json,application/json'; // a photograph needs the server
$('#open').onclick = () => file.click();
file.onchange = () => {
  openFile(file.files[0]);
  file.value = '';
};

document.addEventListener('dragover', event => {
  if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
});
document.addEventListener('drop', event => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  openFile(event.dataTransfer.files[0]);
});
on('state', () => menu.matches(':popover-open') && menu.hidePopover());
