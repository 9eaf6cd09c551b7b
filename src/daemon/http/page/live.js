// Brings the parts of a page up to date while it is looked at. Everything works without it.
(() => {
  const main = document.querySelector("main[data-live]");
  const pulse = document.getElementById("pulse");
  if (!main || !window.EventSource) return;
  let waiting = 0, isBusy = false, isStale = false;

  // What a person has opened stays open; what a person is in, or has marked to copy it, is left alone.
  function replace(part, fresh) {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const folded = focused?.matches("summary") ? focused.parentElement.id : null;
    const isMarked = !document.getSelection().isCollapsed && document.getSelection().containsNode(part, true);
    if ((focused && !folded) || isMarked) return;
    for (const details of part.querySelectorAll("details[id]")) {
      const twin = fresh.querySelector(`details[id="${CSS.escape(details.id)}"]`);
      if (twin) twin.open = details.open;
    }
    const scrolled = [...part.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
    if (part.outerHTML === fresh.outerHTML) return;
    part.replaceWith(fresh);
    if (folded) document.getElementById(folded)?.querySelector("summary")?.focus({ preventScroll: true });
    fresh.querySelectorAll(".scroll").forEach((one, index) => {
      if (scrolled[index]) [one.scrollLeft, one.scrollTop] = scrolled[index];
    });
  }

  async function refresh() {
    if (isBusy) { isStale = true; return; }
    isBusy = true;
    try {
      const answer = await fetch(location.pathname, { redirect: "error" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of main.querySelectorAll("[data-part]")) {
        const fresh = page.getElementById(part.id);
        if (fresh) replace(part, document.adoptNode(fresh));
      }
    } catch {
      // The daemon is away; the browser asks for events again by itself.
    } finally {
      isBusy = false;
      if (isStale) { isStale = false; soon(); }
    }
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 250);
  }

  const events = new EventSource("/events");
  events.addEventListener("open", () => { pulse.hidden = false; soon(); });
  events.addEventListener("error", () => { pulse.hidden = true; });
  events.addEventListener("changed", soon);
  setInterval(() => { if (!document.hidden) soon(); }, 30000);
})();
