"use strict";
// What comes before every address, where the app is a folder of another site.
const BASE = document.documentElement.dataset.base;
// Answers on their way: kept in the browser until the server has said that they are on its disk. Each lies under a key
// of its own, so that two tabs do not write over each other; a reload, a lost network or a server that starts anew only
// delays them.
class Outbox {
  constructor(facts, csrf, told) {
    this.prefix = `hoigen ${facts.project} ${facts.person} `;
    this.csrf = csrf;
    this.told = told;
    this.busy = false;
    this.wait = 0;
    this.timer = 0;
    this.count = 0;
    addEventListener("online", () => this.soon(0));
  }

  put(to, answer) {
    this.count += 1;
    // after all that wait, whatever the clock says: an undo never comes before what it takes back
    const last = Number((this.keys().at(-1) || "").slice(this.prefix.length).split(" ")[0]);
    const stamp = Math.max(Date.now(), last + 1);
    const key = `${this.prefix}${String(stamp).padStart(15, "0")} ${String(this.count).padStart(6, "0")} ${answer.id}`;
    localStorage.setItem(key, JSON.stringify({ to, answer }));
    this.told({ waiting: this.keys().length });
    this.soon(0);
  }

  keys() {
    return Object.keys(localStorage).filter((key) => key.startsWith(this.prefix)).sort();
  }

  waiting() {
    return this.keys().map((key) => JSON.parse(localStorage.getItem(key)).answer);
  }

  soon(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), delay);
  }

  async flush() {
    if (this.busy) return;
    const keys = this.keys();
    if (!keys.length) return this.told({ waiting: 0 });
    const first = JSON.parse(localStorage.getItem(keys[0])).to;
    const sent = [];
    for (const key of keys.slice(0, 100)) {
      const entry = JSON.parse(localStorage.getItem(key));
      if (entry.to !== first) break;
      sent.push([key, entry.answer]);
    }
    this.busy = true;
    try {
      const response = await fetch(BASE + first, {
        method: "POST",
        headers: { "content-type": "application/json", "x-csrf": this.csrf },
        body: JSON.stringify({ answers: sent.map(([, answer]) => answer) }),
      });
      const result = await response.json();
      if (!response.ok) throw Object.assign(new Error(result.error), { status: response.status });
      const saved = new Set(result.saved);
      for (const [key, answer] of sent) {
        if (saved.has(answer.id)) localStorage.removeItem(key);
        else if (answer.id in result.refused) {
          localStorage.removeItem(key);
          this.told({ refused: answer, why: result.refused[answer.id] });
        }
      }
      this.wait = 0;
      this.busy = false;
      this.told({ waiting: this.keys().length });
      if (this.keys().length) this.soon(0);
    } catch (error) {
      this.busy = false;
      this.wait = Math.min(10000, Math.max(300, this.wait * 2));
      this.told({ waiting: keys.length, status: error.status, error: error.status ? error.message : "the server is not reached" });
      this.soon(this.wait);
    }
  }
}

// What both pages of work do alike.
const work = {
  start(root) {
    const facts = JSON.parse(root.dataset.facts);
    const by = (id) => document.getElementById(id);
    const outbox = new Outbox(facts, root.dataset.csrf, (news) => {
      if (news.refused) {
        const line = document.createElement("li");
        line.textContent = `An answer was not taken: ${news.why}`;
        by("refused").append(line);
        by("refused").hidden = false;
        return;
      }
      const some = news.waiting === 1 ? "1 answer waits" : `${news.waiting} answers wait`;
      by("outbox").replaceChildren(news.waiting ? `${some}${news.error ? `: ${news.error}` : ""}` : "all saved");
      if (news.status === 401) {
        const link = document.createElement("a");
        link.href = `${BASE}/login`;
        link.textContent = "Sign in again; what waits is sent then.";
        by("outbox").append(" ", link);
      }
      by("outbox").dataset.waiting = news.waiting;
    });
    return { facts, by, outbox, csrf: root.dataset.csrf };
  },

  async ask(csrf, address, body) {
    const how = body === undefined ? {} : {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf": csrf },
      body: JSON.stringify(body),
      keepalive: true,
    };
    const response = await fetch(BASE + address, how);
    const result = await response.json();
    if (!response.ok) throw Object.assign(new Error(result.error), { status: response.status });
    return result;
  },

  // What is lent stays lent while the page is open. A machine that slept for longer than a loan has its clips no more:
  // `lost` is told of those that are others' now. items: what this page has, as numbers; lease: seconds.
  hold(csrf, outbox, items, lease, lost) {
    const beat = async () => {
      const sent = items();
      if (!sent.length) return;
      const settled = !outbox.keys().length; // else what was taken back may not have come yet
      const result = await work.ask(csrf, "/api/heartbeat", { items: sent }).catch(() => null);
      if (!result || !settled || outbox.keys().length) return;
      const held = new Set(result.items);
      const gone = new Set(sent.filter((item) => !held.has(item)));
      if (gone.size) lost(gone);
    };
    const again = () => setTimeout(() => beat().finally(again), Math.max(5000, lease() * 300));
    again();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });
    addEventListener("pagehide", () => {
      const sent = items();
      if (sent.length) work.ask(csrf, "/api/back", { items: sent }).catch(() => {});
    });
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // it has given them back
  },

  // Why a video does not play; where it is only not ready yet, `again` is called a little later.
  async failed(src, told, again) {
    const response = await fetch(src, { headers: { range: "bytes=0-0" } }).catch(() => null);
    const result = response && !response.ok ? await response.json().catch(() => ({})) : {};
    told(result.error || (response ? "This browser cannot play the video." : "The server is not reached."));
    if (!response || response.status === 503) setTimeout(again, 3000);
  },

  // Gives items back that cannot be shown: what nobody has seen has no answer, and others are lent instead.
  skip(csrf, items) {
    return work.ask(csrf, "/api/back", { items, unshown: true }).catch(() => {});
  },

  // Why there is nothing to look at. skipped: items that this page could not show.
  nothing(result, skipped) {
    const unshown = Math.max(skipped.size, result.unshown || 0);
    if (unshown) return `Nothing is left but what cannot be shown (${unshown}): tell who runs the review.`;
    const count = result.elsewhere || 0;
    return count ? `Nothing is left for you just now. ${count === 1 ? "One is" : `${count.toLocaleString("en")} are`} with other people and may come back.`
      : "Nothing is left to look at.";
  },

  // A muted video that goes round between two moments. `first` is called when its first frame is on the screen.
  player(video) {
    const element = document.createElement("video");
    Object.assign(element, { muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true });
    element.defaultMuted = true;
    element.setAttribute("aria-label", "clip, without sound");
    element.home = video.begin; // where the clip begins in the file; begin and end are what is played of it
    element.begin = video.begin;
    element.end = video.end;
    element.fps = video.fps;
    const home = () => { if (Math.abs(element.currentTime - element.begin) > 0.01) element.currentTime = element.begin; };
    element.addEventListener("loadedmetadata", home, { once: true });
    element.addEventListener("ended", () => { element.currentTime = element.begin; element.play().catch(() => {}); });
    element.addEventListener("timeupdate", () => {
      if (element.currentTime >= element.end - 0.02 && !element.paused) element.currentTime = element.begin;
    });
    element.src = video.src;
    element.style.aspectRatio = String(video.shape);
    return element;
  },
};
