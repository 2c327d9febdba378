// Two things that a page cannot do without a script: moving by keys, and counting the seconds of real reading.
"use strict";
(() => {
  const { job, proof, counts } = document.body.dataset;

  // --- Reading time. A second counts when the page was visible, in focus, and used within the last minute. What
  // counts is the second itself (since 1970), so two tabs, a reload or a beat sent twice cannot count it again.
  const IDLE_MS = 60000, SEND_MS = 5000, MOST = 280;
  const shelf = "reading-" + job;
  let used = Date.now(), last = 0, sent = Date.now();
  const kept = () => JSON.parse(sessionStorage.getItem(shelf) || "[]");
  const keep = (seconds) => sessionStorage.setItem(shelf, JSON.stringify(seconds.slice(-MOST)));

  const send = () => {
    const seconds = kept();
    sent = Date.now();
    if (!seconds.length) return;
    const body = new URLSearchParams({ proof, job, seconds: seconds.join(",") });
    fetch("/beats", { method: "POST", body, keepalive: true })
      .then((answer) => { if (answer.ok) keep(kept().filter((second) => !seconds.includes(second))); })
      .catch(() => {}); // they stay on the shelf and go with the next beat
  };
  const reading = () => document.visibilityState === "visible" && document.hasFocus() && Date.now() - used < IDLE_MS;
  const beat = () => {
    const second = Math.floor(Date.now() / 1000);
    if (reading() && second !== last) keep([...kept(), second]);
    last = second;
    if (Date.now() - sent >= SEND_MS) send();
    wait();
  };
  // In the middle of each second: the halves at both ends of a stretch of reading cancel out.
  const wait = () => setTimeout(beat, ((1500 - (Date.now() % 1000)) % 1000) || 1000);
  if (counts) {
    for (const name of ["keydown", "pointerdown", "pointermove", "wheel", "scroll", "touchstart"]) {
      addEventListener(name, () => { used = Date.now(); }, { passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") send(); });
    addEventListener("pagehide", send);
    // A decision ends the counting: what is still on the shelf goes with it.
    document.addEventListener("submit", (event) => {
      const field = event.target.elements.namedItem("seconds");
      if (field) field.value = kept().join(",");
    });
    send();
    wait();
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
  document.addEventListener("keydown", (event) => {
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
  });
  const target = location.hash.slice(1);
  const start = units.findIndex((unit) => unit.id === target);
  if (start >= 0) at = start;
})();
