// Begins a session, or takes up the one that this tab had, and shows its picture.

import './theme.js';
import './touch.js';
import './picture.js';
import './handles.js';
import './heatmaps.js';
import './selection.js';
import './between.js';
import './history.js';
import './files.js';
import './drag.js';
import './keys.js';
import './zoom.js';
import './tips.js';
import './guide.js';
import { offerActions } from './actions.js';
import { get, root } from './api.js';
import { offerModels } from './controls.js';
import { connect } from './live.js';
import { complain } from './notices.js';
import { again, arrive } from './tab.js';
import { store } from './store.js';

try {
  store.info = await get(new URL('studio', root));
  offerModels();
  offerActions();
  await arrive();
  connect({ lost: again });
} catch (error) {
  document.body.dataset.failed = '';
  complain(error);
}
