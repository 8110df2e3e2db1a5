let region: HTMLElement | undefined;

/**
 * The live region for notices. It exists before the first notice, because screen readers announce
 * only changes to known regions. It is outside the app's root, which open dialogs hide from them.
 */
export function noticeRegion(): HTMLElement {
  if (region !== undefined) return region;
  const element = document.createElement('div');
  element.setAttribute('aria-live', 'polite');
  // Dialogs hide their siblings from screen readers, but notices must still be announced.
  new MutationObserver(() => element.removeAttribute('aria-hidden')).observe(element, {
    attributeFilter: ['aria-hidden'],
  });
  document.body.append(element);
  region = element;
  return region;
}
