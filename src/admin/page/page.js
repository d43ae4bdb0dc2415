// Keeps a page as things stand: when the server says that something has changed, the page is fetched anew, and what
// differs is exchanged in place. What has the focus keeps it, what is open stays open, and nothing jumps. Without this
// script the page is the same, and is loaded anew now and then.
"use strict";

(() => {
  const AGES_CHANGE = 30_000; // "3 min ago" is true for a while only.
  const TRY_AGAIN = 15_000;

  const main = document.getElementById("main");
  const connection = document.getElementById("connection");
  let live = null; // Where the server says that something has changed.
  let busy = false; // A page is on its way.
  let stale = false; // Something has changed since it was asked for.
  let seen = new Date();

  const say = (text) => {
    if (connection.textContent !== text) connection.textContent = text;
  };
  const lost = () => say(`Not connected. What you see is of ${seen.toLocaleTimeString()}.`);

  function exchange(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeName !== fresh.nodeName) return void old.replaceWith(fresh);
    if (old.nodeType !== Node.ELEMENT_NODE) return void (old.nodeValue = fresh.nodeValue);
    for (const { name } of [...old.attributes]) {
      // Whoever has opened something wants to read it.
      if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const ids = new Set([...fresh.children].map((child) => child.id));
    for (const child of [...old.children]) if (child.id && !ids.has(child.id)) child.remove();
    // What has an id is found by it, wherever it stands now; everything else by its place.
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const known = next.id ? [...old.children].find((child) => child.id === next.id) : at && !at.id && at;
      if (!known) {
        old.insertBefore(next, at);
        continue;
      }
      if (known === at) at = at.nextSibling;
      else old.insertBefore(known, at);
      exchange(known, next);
    }
    while (at) {
      const rest = at;
      at = at.nextSibling;
      rest.remove();
    }
  }

  async function renew() {
    if (document.hidden) return;
    if (busy) return void (stale = true);
    busy = true;
    stale = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.redirected) return void location.assign(answer.url); // The login has ended.
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const focused = document.activeElement;
      exchange(main, document.adoptNode(fresh.getElementById("main")));
      document.title = fresh.title;
      if (focused !== document.body && !focused.isConnected) main.focus({ preventScroll: true });
      seen = new Date();
      say("");
    } catch {
      lost();
    } finally {
      busy = false;
      if (stale) renew();
    }
  }

  function listen() {
    if (live || document.hidden) return;
    live = new EventSource("/live");
    live.onopen = renew;
    live.onmessage = renew;
    live.onerror = () => {
      lost();
      // It tries again by itself, unless it was refused.
      if (live.readyState !== EventSource.CLOSED) return;
      live = null;
      setTimeout(() => {
        renew();
        listen();
      }, TRY_AGAIN);
    };
  }

  // A browser has few connections to one server: a page that nobody looks at leaves its own to others.
  function rest() {
    live?.close();
    live = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  setInterval(renew, AGES_CHANGE);
  listen();
})();
