// The page that asks for the token. An address that ends in #token logs in by itself; servers never see that part.

const field = document.querySelector('#token');
const answer = document.querySelector('#answer');

/** @param {string} token */
async function logIn(token) {
  let reply;
  try {
    reply = await fetch('login', { method: 'POST', headers: { 'content-type': 'application/json' },
                                   body: JSON.stringify({ token }) });
  } catch {
    answer.textContent = 'The studio does not answer. Is it still running?';
    return;
  }
  if (reply.ok) {
    location.replace('./');
    return;
  }
  const told = await reply.json().catch(() => ({}));
  answer.textContent = told.error ?? `The studio answered with ${reply.status}.`;
  field.select();
}

document.querySelector('#login').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  logIn(field.value);
});

const given = decodeURIComponent(location.hash.slice(1));
if (given) {
  history.replaceState(null, '', 'login');
  logIn(given);
}
