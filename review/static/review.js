// Two things that a page cannot do without a script: moving by keys, and counting the seconds of real reading.
"use strict";
(() => {
  const { job, proof, counts } = document.body.dataset;

  // --- Reading time: it runs while the page is visible, in focus, and was used within the last minute. It is added up
  // to the millisecond over all stretches and all tabs of this job, and each full second of it is told as a mark: the
  // second (since 1970) in which it became full. So a short stretch is neither lost nor rounded up, and a mark that is
  // told twice, by two tabs or after a reload, counts once.
  const IDLE_MS = 60000, SEND_MS = 5000, ASLEEP_MS = 10000, MOST = 280;
  const shelf = "reading-" + job;
  let used = Date.now(), from = null, ticked = Date.now(), sent = Date.now(), ended = false;
  const kept = () => JSON.parse(localStorage.getItem(shelf) || '{"marks": [], "rest_ms": 0}');
  const keep = (marks, rest_ms) => localStorage.setItem(shelf, JSON.stringify({ marks: marks.slice(-MOST), rest_ms }));

  const reads = (now) =>
    !ended && document.visibilityState === "visible" && document.hasFocus() && now - used < IDLE_MS;
  const account = () => {
    const now = Date.now();
    if (from !== null) {
      // A machine that slept has no ticks; what nobody used for a minute was not read.
      const until = Math.min(now, used + IDLE_MS, ticked + ASLEEP_MS);
      const { marks, rest_ms } = kept();
      let rest = rest_ms + Math.max(0, until - from);
      for (; rest >= 1000; rest -= 1000) marks.push(Math.floor((until - rest) / 1000) + 1);
      keep(marks, rest);
    }
    from = reads(now) ? now : null;
    ticked = now;
  };
  const send = () => {
    const { marks } = kept();
    sent = Date.now();
    if (!marks.length) return;
    const body = new URLSearchParams({ proof, job, seconds: marks.join(",") });
    fetch("/beats", { method: "POST", body, keepalive: true })
      .then((answer) => {
        const now = kept();
        if (answer.ok) keep(now.marks.filter((second) => !marks.includes(second)), now.rest_ms);
      })
      .catch(() => {}); // they stay on the shelf and go with the next beat
  };
  const useNow = () => {
    if (from === null || Date.now() - used >= IDLE_MS) account();
    used = Date.now();
    if (from === null) account();
  };
  const watch = (target) => {
    for (const name of ["keydown", "pointerdown", "pointermove", "wheel", "scroll", "touchstart"]) {
      target.addEventListener(name, useNow, { passive: true, capture: true });
    }
  };
  const leave = () => { account(); if (document.visibilityState === "hidden") send(); };
  if (counts && window === window.top) {
    watch(window);
    // What is done in the source beside the document is not heard here, and that frame does not count by itself.
    const beside = document.querySelector("iframe[name=source]");
    const watchBeside = () => { watch(beside.contentWindow); useNow(); };
    if (beside) beside.addEventListener("load", watchBeside);
    if (beside && beside.contentDocument && beside.contentDocument.readyState === "complete") watch(beside.contentWindow);
    for (const name of ["focus", "blur"]) addEventListener(name, account);
    document.addEventListener("visibilitychange", leave);
    addEventListener("pagehide", () => { account(); from = null; send(); });
    addEventListener("pageshow", account);
    // A decision ends the counting: what is still on the shelf goes with it, a started second rounded.
    document.addEventListener("submit", (event) => {
      const field = event.target.elements.namedItem("seconds");
      if (!field) return;
      account();
      const { marks, rest_ms } = kept();
      if (rest_ms >= 500) marks.push(Math.floor((Date.now() - rest_ms) / 1000) + 1);
      field.value = marks.join(",");
      ended = true;
      from = null;
      localStorage.removeItem(shelf);
    });
    send();
    account();
    setInterval(() => { account(); if (Date.now() - sent >= SEND_MS) send(); }, 1000);
  }

  // --- Keys: j and k by unit, o opens the unit's next citation, d goes to the decision.
  const units = [...document.querySelectorAll(".unit")];
  let at = -1, quote = -1;
  const go = (to) => {
    if (!units[to]) return;
    if (units[at]) units[at].classList.remove("here");
    document.querySelectorAll(".outline .here").forEach((line) => line.classList.remove("here"));
    at = to;
    quote = -1;
    units[at].classList.add("here");
    units[at].scrollIntoView({ block: "start" });
    units[at].focus({ preventScroll: true });
    const link = document.querySelector('.outline a[href="#' + CSS.escape(units[at].id) + '"]');
    if (link) { link.parentElement.classList.add("here"); link.scrollIntoView({ block: "nearest" }); }
  };
  const openNext = () => {
    const links = units[at] ? [...units[at].querySelectorAll(".quotes a")] : [];
    if (links.length) { quote = (quote + 1) % links.length; links[quote].click(); }
  };
  // Where the source stands at the window's edge it takes no room before a citation is opened, and none after Escape.
  const aside = document.querySelector(".beside");
  if (aside) aside.classList.add("folded");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && aside) aside.classList.add("folded");
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    if (event.key === "j") go(at + 1);
    if (event.key === "k") go(at - 1);
    if (event.key === "o") openNext();
    const decide = document.getElementById("decide");
    if (event.key === "d" && decide) { decide.scrollIntoView(); decide.focus({ preventScroll: true }); }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".quotes a");
    if (!link) return;
    document.querySelectorAll(".quotes a.open").forEach((open) => open.classList.remove("open"));
    link.classList.add("open");
    if (aside) aside.classList.remove("folded");
  });
  const target = location.hash.slice(1);
  const start = units.findIndex((unit) => unit.id === target);
  if (start >= 0) at = start;
})();
