// A part that is shown anew takes the focus with it: it is given back to what has the same key, or to the heading
// of the same section, so that whoever works by keyboard stays where they were.
let held = null;

document.addEventListener("focusin", (event) => {
  const key = event.target.dataset?.key;
  held = key ? { key, section: event.target.closest("section") } : null;
});

const giveBack = () => {
  if (!held || document.activeElement !== document.body) return;
  const same = document.querySelector(`[data-key="${CSS.escape(held.key)}"]:not(:disabled)`);
  (same ?? held.section?.querySelector("h2"))?.focus({ preventScroll: true });
};

new MutationObserver(giveBack).observe(document.body, { childList: true, subtree: true });
