// Buttons that a pocket cannot press: a finger must stay on them for a second.

const HOLD_MS = 1000;

/** `isGuarded()` says whether holding is asked for just now; keys always work at once. */
export function onHold(button, isGuarded, act) {
  let timer = null;
  const release = () => {
    clearTimeout(timer);
    timer = null;
    button.classList.remove("holding");
  };
  button.addEventListener("pointerdown", () => {
    if (!isGuarded() || button.disabled) return;
    button.classList.add("holding");
    timer = setTimeout(() => {
      release();
      act();
    }, HOLD_MS);
  });
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
    button.addEventListener(end, release);
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("click", (event) => {
    const byKey = event.detail === 0;
    if (!isGuarded() || byKey) act();
  });
}
