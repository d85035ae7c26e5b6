// Photographs: sent to be fitted, with the progress in place of the picture, and the photograph to compare with.

import { get, here, remove, request } from './api.js';
import { act } from './changes.js';
import { complain, tell } from './notices.js';
import { on, store } from './store.js';

const MOST_PX = 1024; // of the longer side: no model needs more, and large files take long on a slow line
const STAGES = {
  search: 'Random pictures that come close to it',
  'one code': 'Where things are, and what they look like',
  'a code a layer': 'Details',
  tuning: 'A copy of the model, for this photograph',
};
const $ = (/** @type {string} */ selector) => document.querySelector(selector);

/** @type {(file: File) => Promise<unknown>} */
export async function openPhoto(file) {
  let blob;
  try {
    blob = await reduced(file);
  } catch {
    return complain(new Error(`${file.name} cannot be read as a picture. Save it as JPEG or PNG first`));
  }
  const url = here('photo');
  url.search = String(new URLSearchParams({ model: store.state.model.name, name: file.name.slice(0, 200) }));
  return act(async () => {
    show({ stage: 'search', share: 0, stop_reason: null }); // it may be over before the answer is here
    try {
      return await (await request('PUT', url, blob)).json();
    } catch (error) {
      hide();
      throw error;
    }
  });
}

// As a JPEG of at most MOST_PX, upright.
/** @param {File} file */
async function reduced(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, MOST_PX / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.fillStyle = 'white'; // under what is transparent, as in training
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return /** @type {Promise<Blob>} */ (new Promise((resolve, reject) => {
    canvas.toBlob(made => made ? resolve(made) : reject(new Error('no JPEG')), 'image/jpeg', 0.95);
  }));
}

const hide = () => { $('#fitting').hidden = true; };

/** @param {Omit<PhotoStatus, 'likeness'>} status */
function show({ stage, share, stop_reason: ended }) {
  $('#fitting').hidden = Boolean(ended);
  $('#fit-share').value = share;
  $('#fit-stage').textContent = STAGES[stage];
}

$('#fit-stop').onclick = () => act(() => remove('photo'));

on('photo', show);
on('online', () => { // where the connection was lost meanwhile
  if (!$('#fitting').hidden) get(here('photo')).then(show, hide);
});
on('photo-end', status => {
  show(status);
  if (!status.likeness) return;
  const { words, psnr_db: psnr } = status.likeness, stopped = status.stop_reason === 'stopped';
  const drawn = stopped // before the end nobody knows what the model can draw
    ? `Stopped early: so far the drawn picture is ${words.split(':')[0]} (PSNR ${psnr.toFixed(1)} dB)`
    : `The drawn picture is ${words} (PSNR ${psnr.toFixed(1)} dB)`;
  const handles = store.state.model.kind === 'multi' ? ' Its handles need not lie on the things in it.' : '';
  tell(`${drawn}.${handles} Compare shows the photograph`, { seconds: 12 });
});
