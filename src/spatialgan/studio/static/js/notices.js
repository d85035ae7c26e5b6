// Sentences for people, at the edge of the page.

const box = document.querySelector('#notices');

// Returns what is shown, for whoever shows it for as long as something takes.
/** @type {(text: string, options?: { error?: boolean, lasting?: boolean, seconds?: number }) => HTMLElement} */
export function tell(text, { error = false, lasting = false, seconds = error ? 15 : 7 } = {}) {
  const begins = /^\S*([_\d]|\.\w)/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1); // names of files stay as they are
  const sentence = begins + (/[.!?]$/.test(text) ? '' : '.');
  // Of errors the last one counts, as what went wrong before is over; unless it lasts.
  for (const old of [...box.children]) if (old.firstChild.textContent === sentence || (error && old.matches('.error:not([data-lasting])'))) old.remove();
  const notice = document.createElement('div');
  notice.className = error ? 'notice error' : 'notice';
  notice.toggleAttribute('data-lasting', lasting);
  const words = document.createElement('p');
  words.textContent = sentence;
  const close = document.createElement('button');
  close.className = 'icon';
  close.setAttribute('aria-label', 'Close this message');
  close.textContent = '×';
  close.onclick = () => notice.remove();
  notice.append(words, close);
  box.append(notice);
  if (seconds < Infinity) setTimeout(() => notice.remove(), 1000 * seconds);
  return notice;
}

/** @param {unknown} error whatever was caught */
export const complain = error => tell(error instanceof Error ? error.message : String(error), { error: true });
