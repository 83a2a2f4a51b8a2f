"use strict";
// What waits in the browser, since the network was away or the session had ended, is sent from here, too.
(() => {
  const { outbox } = work.start(document.getElementById("home"));
  if (outbox.keys().length) outbox.flush();
})();
