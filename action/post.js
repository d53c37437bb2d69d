'use strict';
// What the main step could not remove itself, because it was killed, is removed here.
if (process.env.STATE_run) {
  require('./launch.js').launch(['cleanup']);
}
